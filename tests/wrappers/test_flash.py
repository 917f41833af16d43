"""Flash against closed forms: start indices, the law of the first state, the recursion of a run that does not read y.

Each check is tried on a twin that errs as people have erred, and must catch it.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch

from posterity import samplers
from posterity.certificates.probing import exact_moments
from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.errors import PosterityError
from posterity.operators.pointwise import Denoising
from posterity.priors.autoencoders.affine import Orthonormal
from posterity.priors.gaussian import Gaussian
from posterity.priors.kernel import Kernel
from posterity.priors.latent import Latent
from posterity.samplers.base import Problem
from posterity.samplers.dps import DPS
from posterity.samplers.exact import Exact
from posterity.samplers.resample import ReSample
from posterity.samplers.severity import Severity
from posterity.wrappers.base import Wrapped
from posterity.wrappers.coupled_noise import CoupledNoise
from posterity.wrappers.diversity import Diversity
from posterity.wrappers.flash import Flash

SCHEDULE = Schedule.scaled_linear(0.0015, 0.0195)
SHAPE = (1, 1, 2)
LATE = sorted(n for n in samplers.names() if samplers.find(n).begins_late and "restorer" not in samplers.find(n).needs)
DRAWN_ONCE = ("ddnm", "ddrm", "dps", "ilvr", "pgdm", "psld", "gml_dps", "replacement", "resample")
"""Samplers that ask the prior once in every step, without time travel."""


@dataclass(frozen=True)
class OneMore(Flash):
    """Walks the level t too, as a reader of the paper's formula, which counts from 1, would."""

    def starts(self, sampler, problem):
        return [start + 1 for start in super().starts(sampler, problem)]


@dataclass(frozen=True)
class ByLogarithm(Flash):
    """Compares logarithms of ratios."""

    def starts(self, sampler, problem):
        grid = sampler.times(problem.schedule)[:-1][::-1]
        return [
            min(range(len(grid)), key=lambda j: abs(math.log(grid[j].snr * v)))
            for v in problem.severities[self.severity].variance.tolist()
        ]


@dataclass(frozen=True)
class Squared(Flash):
    """Takes σ̂ for a standard deviation, as the paper prints it."""

    def _first(self, severity, level, noise):
        return super()._first(Severity(severity.estimate, severity.variance**2), level, noise)


def problem(variances, estimates=None, prior=None, names=("own",)):
    """A row for each variance; y says nothing, for it is not read at a scale of 0."""
    prior = prior or Gaussian(torch.tensor([[[0.3, -0.2]]], dtype=torch.float64), torch.eye(2), SCHEDULE)
    variance = torch.tensor(variances, dtype=torch.float64)
    estimate = torch.zeros(len(variance), *SHAPE, dtype=torch.float64) if estimates is None else estimates
    severities = {name: Severity(estimate, variance) for name in names}
    y = torch.zeros(len(variance), *SHAPE, dtype=torch.float64)
    return Problem(prior, Denoising(SHAPE), y, 0.1, torch.arange(len(variance)), severities=severities)


def noise(count, samples=None):
    return Noise(5, list("abcdefghijkl")[:count], samples or [0] * count)


def plain(**settings):
    return DPS(**{"scale": 0.0, "clamp": False, "steps": 1000} | settings)


TABLE = {0.05: 29, 0.10: 54, 0.15: 76, 0.20: 95, 0.30: 127, 0.50: 176, 1.0: 254}


def test_start_indices_of_the_published_schedule():
    given = problem([*TABLE])
    assert Flash("own").starts(plain(), given) == [*TABLE.values()]
    assert Flash("own", multiplier=0.5).starts(plain(), problem([0.1, 0.4])) == [29, 95]
    ddim = ReSample(steps=500)
    assert Flash("own").starts(ddim, problem([0.10, 0.20, 0.30])) == [27, 47, 63]
    rising = Flash("own").starts(plain(steps=50), problem([0.0, *torch.logspace(-4, 6, 200).tolist()]))
    assert rising == sorted(rising) and rising[0] == 0 and rising[-1] == 49
    assert OneMore("own").starts(plain(), given) != [*TABLE.values()]


def test_the_distance_is_that_of_ratios_and_the_cleanest_of_equals_wins():
    grid = plain(steps=20).times(SCHEDULE)[:-1][::-1]
    between = 2 / (grid[4].snr + grid[5].snr)
    near = problem([between * (1 - 1e-9), between * (1 + 1e-9)])
    assert Flash("own").starts(plain(steps=20), near) == [4, 5]
    assert ByLogarithm("own").starts(plain(steps=20), near) == [4, 4]
    assert Flash("own").starts(plain(steps=20), problem([0.0])) == [0]


def first_states(flash, estimates, variances):
    """The law of the first state, by probing: (gain of ẑ, standard deviation of its noise) for one row."""
    out = []
    for scale in (0.0, 1.0):
        given = problem(variances, scale * estimates)

        class Stop(DPS):
            def run(self, problem, noise):  # noqa: ARG002 - the first state itself
                return problem.start[1]

        def outcome(draws, given=given, stop=Stop):
            rows = torch.zeros(len(draws), dtype=torch.long)
            return Wrapped(stop(steps=1000), (flash,)).sample(given.rows(rows), draws).x.flatten(1)

        out.append(exact_moments(outcome))
    return (out[1].mean - out[0].mean)[0], out[1].covariance[0, 0].sqrt()


@pytest.mark.parametrize("c", [0.8, 1.0, 1.2])
def test_the_first_state_mixes_the_estimate_with_a_share_of_its_error(c):
    estimates, v = torch.ones(1, *SHAPE, dtype=torch.float64), 0.2
    signal, std = first_states(Flash("own", c=c), estimates, [v])
    # over ẑ = z0 + √v ξ the state has the signal √(1-cv) and the noise v(1 + c - cv)
    assert signal.square() == pytest.approx(1 - c * v, abs=1e-12) and std.square() == pytest.approx(c * v, abs=1e-12)
    assert signal.square() * v + std.square() == pytest.approx(v * (1 + c - c * v), abs=1e-12)
    twin = first_states(Squared("own", c=c), estimates, [v])
    assert abs(float(twin[1].square()) - c * v) > 0.1


def test_other_first_states():
    estimates, v = torch.ones(1, *SHAPE, dtype=torch.float64), 0.25
    calibrated, level = first_states(Flash("own", init="calibrated"), estimates, [v]), None
    assert calibrated == (pytest.approx(1 / math.sqrt(1.25)), 0)
    noised = first_states(Flash("own", init="noised"), estimates, [v])
    level = SCHEDULE.level(Flash("own").starts(plain(), problem([v]))[0] - 1)
    assert noised == (pytest.approx(level.signal), pytest.approx(level.noise))
    assert first_states(Flash("own", c=None), estimates, [v]) == (1, 0)


def recursion(first, level, count):
    """Mean and variance of a coordinate of N(0.3, 1), from N(first) at ``level``, by the ancestral chain."""
    (mean, variance), grid = first, plain().times(SCHEDULE)
    walk = [pair for pair in pairwise(grid) if pair[0].t <= level.t]
    assert len(walk) == count
    for t, s in walk:
        step, a = PosteriorStep.between(t, s), t.alpha_bar
        gain = math.sqrt(a) / (a + 1 - a)  # of a variance of 1
        slope = step.xt_weight + step.x0_weight * gain
        mean = slope * mean + step.x0_weight * 0.3 * (1 - gain * t.signal)
        variance = slope**2 * variance + (step.variance if s != CLEAN else 0.0)
    return mean, variance


@pytest.mark.parametrize(("v", "ratio", "later"), [(0.05, 0.831, 0.864), (0.2, 0.940, 0.952), (1.0, 0.974, 0.978)])
@pytest.mark.parametrize("c", [None, "calibrated", 1.0])
def test_without_guidance_it_is_its_recursion(v, ratio, later, c):
    """Over estimates z0 + √v ξ around ẑ = 0.9; the calibrated start has the variances that the chain leaves."""
    flash = Flash("own", init="calibrated") if c == "calibrated" else Flash("own", c=c)
    start = Flash("own").starts(plain(), problem([v]))[0]

    def moments(flash):
        given = problem([v], 0.9 * torch.ones(1, *SHAPE, dtype=torch.float64))

        def outcome(draws):
            rows = torch.zeros(len(draws), dtype=torch.long)
            return Wrapped(plain(), (flash,)).sample(given.rows(rows), draws).x.flatten(1)

        return exact_moments(outcome, most=10_000)

    found = moments(flash)
    first = {"calibrated": (0.9 / math.sqrt(1 + v), 0.0), None: (0.9, 0.0), 1.0: (math.sqrt(1 - v * 1) * 0.9, v)}[c]
    if c == 1.0 and v == 1.0:  # clamped
        first = (math.sqrt(1e-4) * 0.9, 1 - 1e-4)
    mean, variance = recursion(first, SCHEDULE.level(start - 1), start)
    assert float(found.mean[0]) == pytest.approx(mean, abs=1e-10)
    assert float(found.covariance[0, 0]) == pytest.approx(variance, abs=1e-10)
    if c == "calibrated":
        assert variance / (v / (1 + v)) == pytest.approx(ratio, abs=6e-4)
    twin = moments(OneMore("own", init=flash.init, c=flash.c))
    assert abs(float(twin.covariance[0, 0]) - variance) > 1e-6
    if c == "calibrated":
        assert float(twin.covariance[0, 0]) / (v / (1 + v)) == pytest.approx(later, abs=6e-4)


def test_a_share_of_noise_above_one_is_clamped_and_counted(caplog):
    given = problem([0.5, 1.0, 40.0, math.inf])
    flash = Flash("own", c=1.0)
    assert flash.clamped(given.severities["own"].variance).tolist() == [False, True, True, False]
    assert Flash("own", c=0.8, multiplier=2.0).clamped(torch.tensor([0.6, 0.63])).tolist() == [False, True]
    assert not Flash("own", init="calibrated").clamped(torch.tensor([40.0])).any()
    drawn = Wrapped(plain(steps=20), (flash,)).sample(given, noise(4))
    assert drawn.x.isfinite().all() and "is 1 or more for 2 of 4 restorations" in caplog.text


def pixels(name, rows=6):
    """A kernel prior with half of the pixels hidden and what a sampler needs of σ_y."""
    from posterity.operators.masks import Inpainting

    images = 2 * torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    keep = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    keep[..., 2:] = 0
    prior, sigma_y = Kernel(images, torch.ones(5), 0.1), 0.0 if "noiseless" in samplers.find(name).needs else 0.1
    if "latent" in samplers.find(name).needs:
        prior = Latent(prior, Orthonormal(torch.eye(16, dtype=torch.float64), (1, 4, 4), (1, 4, 4)))
    y = (keep * images[:1]).repeat(rows, 1, 1, 1)
    return Problem(prior, Inpainting(keep, (1, 4, 4)), y, sigma_y, torch.arange(rows) // 2)


def with_severity(given, variances):
    estimate = given.y + 0.1 * torch.arange(len(variances)).view(-1, 1, 1, 1)
    own = Severity(estimate, torch.tensor(variances, dtype=torch.float64))
    return replace(given, severities={"own": own})


def quick(name):
    cls = samplers.find(name)
    return cls(**cls.quick)


@pytest.mark.parametrize("name", LATE)
def test_who_knows_nothing_gets_the_plain_run_to_the_last_digit(name):
    """Also a start at the noisiest level, with the state that the plain run begins with."""
    given, sampler = pixels(name, 2), quick(name)
    alone = sampler.sample(given, noise(2)).x
    unknown = with_severity(given, [math.inf, math.inf])
    assert torch.equal(Wrapped(sampler, (Flash("own"),)).sample(unknown, noise(2)).x, alone)
    if name in ("dps", "ddnm", "mgps", "repaint", "psld", "gml_dps", "resample"):  # x_T is the draw itself there
        level, drawn = sampler.times(given.schedule)[0], noise(2).normal("init", 0, (1, 4, 4))
        assert torch.equal(sampler.sample(given, noise(2), start=(level.t, drawn)).x, alone)
    known = with_severity(given, [0.3, 0.3])
    assert not torch.equal(Wrapped(sampler, (Flash("own"),)).sample(known, noise(2)).x, alone)


@pytest.mark.parametrize("name", DRAWN_ONCE)
def test_calls_are_the_start_index(name):
    sampler = replace(quick(name), steps=100, **({"travel_length": 1} if name == "ddnm" else {}))
    for v in (0.0, 0.01, 0.3, 3.0):
        given = with_severity(pixels(name, 2), [v, v])
        (start,) = set(Flash("own").starts(sampler, given))
        drawn = Wrapped(sampler, (Flash("own"),)).sample(given, noise(2))
        assert drawn.cost.forwards == start and (start == 0) == (v == 0), (name, v)
        if v == 0:
            assert torch.equal(drawn.x, given.severities["own"].estimate)


@pytest.mark.parametrize("name", LATE)
def test_rows_that_begin_at_different_times_do_not_see_each_other(name):
    variances = [0.0, 0.4, 0.02, 0.4, math.inf, 0.02]
    given, flash = with_severity(pixels(name), variances), Wrapped(quick(name), (Flash("own"),))
    together = flash.sample(given, noise(6))
    for row in range(6):
        index = torch.tensor([row])
        alone = flash.sample(given.rows(index), noise(6).rows(index))
        torch.testing.assert_close(together.x[row : row + 1], alone.x, rtol=0, atol=1e-9)


def test_it_goes_with_the_other_wrappers():
    given = with_severity(pixels("dps"), [0.4, 0.4, 0.02, 0.02, 0.4, 0.4])
    samples = [0, 1] * 3
    around = (Flash("own"), Diversity(eta=0.8), CoupledNoise(group=2))
    both = Wrapped(quick("dps"), around).sample(given, noise(6, samples)).x
    other = (around[1], around[0], around[2])
    assert torch.equal(Wrapped(quick("dps"), other).sample(given, noise(6, samples)).x, both)
    # from outside, Flash draws the noise of the first state before it is coupled
    outside = Wrapped(quick("dps"), (*around[1:], around[0])).sample(given, noise(6, samples)).x
    assert not torch.equal(outside, both)
    for k in range(3):
        without = Wrapped(quick("dps"), around[:k] + around[k + 1 :]).sample(given, noise(6, samples)).x
        assert not torch.equal(without, both)


def test_progress_is_told_for_each_group_of_starts():
    given, seen = with_severity(pixels("dps", 2), [0.4, 0.02]), []
    flash = Wrapped(replace(quick("dps"), steps=40), (Flash("own"),))
    starts = flash.wrappers[0].starts(flash.sampler, given)
    flash.sample(given, noise(2), watch=lambda step, steps, x0: seen.append((step, steps, len(x0))))
    assert seen == [(k, start, 1) for start in sorted(starts) for k in range(start)]


def test_a_latent_prior_has_severities_of_states():
    given = with_severity(pixels("psld", 2), [0.3, 0.0])
    drawn = Wrapped(quick("psld"), (Flash("own"),)).sample(given, noise(2))
    assert torch.equal(drawn.state[1], given.severities["own"].estimate[1]) and drawn.x.shape == (2, 1, 4, 4)


def test_what_cannot_be_is_one_line():
    with pytest.raises(PosterityError, match="wrapper flash: sampler exact has no noisy state to begin late from"):
        Wrapped(Exact(), (Flash("own"),))
    with pytest.raises(PosterityError, match=r"wrapper flash: severity 'own' is none of the problem's \(no severity"):
        Wrapped(quick("dps"), (Flash("own"),)).sample(pixels("dps"), noise(6))
    with pytest.raises(PosterityError, match=r"severity 'mine' is none of the problem's \(own\)"):
        Wrapped(quick("dps"), (Flash("mine"),)).sample(with_severity(pixels("dps", 2), [1, 1]), noise(2))
    with pytest.raises(PosterityError, match="a severity's variance is -1, expected 0 or more"):
        Severity(torch.zeros(2, 1), torch.tensor([1.0, -1.0]))
    with pytest.raises(PosterityError, match="variance is nan"):
        Severity(torch.zeros(1, 1), torch.tensor([math.nan]))
    with pytest.raises(PosterityError, match=r"one variance per estimate, not \(\) for \(2, 1\)"):
        Severity(torch.zeros(2, 1), torch.tensor(1.0))


def test_one_time_for_all_from_the_same_estimates():
    """The start of v̂ = noise over signal at that time, whatever the severity says."""
    given = problem([0.01, 0.5, 2.0])
    asked = 1 / SCHEDULE.level(53).snr
    at = Flash("own", time=53, init="calibrated")
    assert at.starts(plain(), given) == Flash("own").starts(plain(), problem([asked] * 3)) == [53] * 3
    same = Wrapped(plain(steps=50), (at,)).sample(given, noise(3))
    own = Wrapped(plain(steps=50), (Flash("own", init="calibrated"),)).sample(problem([asked] * 3), noise(3))
    assert torch.equal(same.x, own.x)
    short = Flash("own", time=999)
    assert short.starts(plain(steps=50), given) == [49] * 3


def test_white_noise_on_the_estimate_is_decoded_without_a_call():
    estimate, count = torch.full((4000, *SHAPE), 0.4, dtype=torch.float64), 4000
    given = replace(problem([0.3] * count, estimate), items=torch.zeros(count, dtype=torch.long))
    many = Noise(5, ["a"] * count, range(count))
    for c, wanted in ((1.0, 0.3), (0.5, 0.15), (None, 0.0)):
        late = Wrapped(plain(), (Flash("own", c=c, init="added"),))
        drawn = late.sample(given, many)
        assert drawn.cost.forwards == 0 and late.starts(given)[:2] == [0, 0]
        assert float(drawn.x.mean()) == pytest.approx(0.4, abs=0.03)
        assert float(drawn.x.var()) == pytest.approx(wanted, abs=0.02)
