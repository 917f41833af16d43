"""Certificates of one sampler on one case: refusals, divergence, toy problems, posteriors known by draws alone."""

from dataclasses import replace

import pytest
import torch

from posterity import samplers
from posterity.certificates import panel, statistics, tiers
from posterity.certificates.broken import FAULTS
from posterity.certificates.cases import Case, make
from posterity.certificates.evidence import Evidence, draw
from posterity.certificates.finding import Band, verdicts
from posterity.errors import PosterityError
from posterity.samplers.base import Sampler
from posterity.samplers.ddrm import DDRM
from posterity.samplers.dps import DPS
from posterity.samplers.exact import Exact
from posterity.wrappers.base import Wrapped
from posterity.wrappers.diversity import Diversity


class Chain:
    """A posterior of which nothing is known but draws and moments, as of a Markov chain."""

    def __init__(self, exact):
        self._exact, self.mean, self.total_variance = exact, exact.mean, exact.total_variance

    def __len__(self):
        return len(self._exact)

    def draw(self, count, *key):
        return self._exact.draw(count, *key)


class Wild(Sampler):
    """Every tenth row runs away, or is no number."""

    def run(self, problem, noise):
        x = Exact().run(problem, noise).clone()
        x[::10] = float("nan")
        x[5::10] = 1e9
        return x


class Flat(Sampler):
    """Forgets the shape of signals."""

    def run(self, problem, noise):
        return Exact().run(problem, noise).flatten(1)


@pytest.fixture(scope="module")
def gaussian():
    return panel.case("gaussian", "inpaint_noisy", "small")


@pytest.mark.parametrize(
    ("name", "task", "reason"),
    [("repaint", "inpaint_noisy", "needs noiseless"), ("mgps", "inpaint", "needs noise"),
     ("replacement", "pool_noisy", "needs mask, noiseless")],
)  # fmt: skip
def test_what_a_sampler_cannot_do_is_told(name, task, reason):
    certificate = panel.certify(name, samplers.find(name)(), make("gaussian", task, 4), "small")
    assert (certificate.verdict, certificate.reason, certificate.findings) == ("n/a", reason, ())


def test_a_wrong_shape_is_no_crash(gaussian):
    flat = panel.certify("flat", Flat(), gaussian, "small")
    assert flat.verdict == "n/a" and "shape" in flat.reason and "1, 4, 4)" in flat.reason


def test_what_diverges_is_counted_and_replaced_by_the_prior(gaussian):
    certificate = panel.certify("wild", Wild(), gaussian, "small")
    assert certificate.verdict == "diverged" and "20" in certificate.reason
    found = {f.key: f for f in certificate.findings}
    assert found["diverged"].value == pytest.approx(0.2, abs=0.002) and found["diverged"].error == 0
    # a fifth of the prior's distance, and no draw is left out
    assert 0 < found["sliced_wasserstein"].value < found["sliced_wasserstein/prior"].value


def test_a_certificate_holds_what_was_run(gaussian):
    first, again = (panel.certify("ddrm", DDRM(), gaussian, "small", seed=3) for _ in range(2))
    assert (first.sampler, first.prior, first.task, first.tier) == ("ddrm", "gaussian", "inpaint_noisy", "small")
    assert first.forwards == 20 and first.backwards == 0
    assert first.rows == 32 * 31 + 500 and first.seconds > 0 and first.peak_bytes > 0
    assert first.findings == again.findings and first.verdicts == again.verdicts
    assert len({f.key for f in first.findings}) == len(first.findings)
    with pytest.raises(PosterityError, match="tier 'fast'"):
        panel.certify("ddrm", DDRM(), gaussian, "fast")


def test_probed_moments_agree_with_sampled_ones(gaussian):
    """The variance of the narrowest direction, by 337 rows without error and by 992 draws."""
    found = {f.key: f for f in panel.certify("ddrm", DDRM(), gaussian, "small").findings}
    probed, sampled = found["moments/variance"], found["spread/worst"]
    assert probed.error == 0 and "337 rows" in probed.note
    assert probed.value == pytest.approx(sampled.value, abs=4 * sampled.error)


def test_guided_draws_are_examined_but_not_for_their_coupling(gaussian):
    certificate = panel.certify("ddrm", Wrapped(DDRM(), (Diversity(eta=0.8),)), gaussian, "small")
    each = {f.key: v for f, v in zip(certificate.findings, certificate.verdicts, strict=True)}
    assert each["coupling/batch"] == "n/a" and each["coupling/pools"] == "reported"
    plain = {f.key: f for f in panel.certify("ddrm", DDRM(), gaussian, "small").findings}
    spread = {f.key: f for f in certificate.findings}
    assert spread["spread/overall"].value > plain["spread/overall"].value


def test_a_stored_band_enters_the_verdict(gaussian):
    band = {"spread/overall": Band(0.9, 1.1)}
    assert panel.certify("ddrm", DDRM(), gaussian, "small", expected=band).verdict == "regressed"


def test_toy_problems_are_instances_with_their_own_prior():
    case = panel.case("mixture", "denoise", "small", dim=20)
    assert case.wide is None and len(case.deep) == panel.TIERS["small"].instances
    assert len({float(i.prior.weights[0]) for i in case.deep}) == len(case.deep)
    certificate = panel.certify("exact", Exact(), case, "small")
    found = {f.key: f for f in certificate.findings}
    assert "approximate" not in certificate.verdicts
    assert found["sliced_wasserstein"].value < found["sliced_wasserstein/prior"].value / 5
    assert found["modes/tv"].value < 0.06 and found["spread/overall"].value == pytest.approx(1, abs=0.05)
    broken = panel.certify("", FAULTS["weights skewed"].sampler, case, "small")
    each = {f.key: v for f, v in zip(broken.findings, broken.verdicts, strict=True)}
    assert each["modes/tv"] == "approximate" and each["spread/overall"] == "exact"
    with pytest.raises(PosterityError, match="kernel has no toy problem"):
        make("kernel", "denoise", 1, dim=4)


def test_settings_of_toy_problems_do_not_clamp():
    assert tiers.options("dps", DPS, "full", toy=True) == {"clamp": False, "steps": 1000, "scale": 0.02}
    assert tiers.options("dps", DPS, "quick", toy=True)["steps"] < 1000
    assert tiers.options("dps", DPS, "full") == {}
    for name in samplers.names():
        for tier in panel.TIERS:
            cls = samplers.find(name)
            cls(**tiers.options(name, cls, tier, toy=True))  # all are settings that exist


def test_a_posterior_known_by_draws_alone(gaussian):
    """What needs a density says so; everything else is as exact, and as alert."""
    wide, deep = gaussian.wide, gaussian.deep[0]
    chain = Case("gaussian", "by draws", *(replace(i, exact=Chain(i.exact), memory={}) for i in (wide,)),
                 (replace(deep, exact=Chain(deep.exact), memory={}),))  # fmt: skip
    certificate = panel.certify("exact", Exact(), chain, "small")
    assert "approximate" not in certificate.verdicts
    silent = {f.statistic for f in certificate.findings if f.value is None}
    assert silent == {"spread", "modes", "hallucination", "trajectory"}
    broken = panel.certify("", FAULTS["sd × 0.9"].sampler, chain, "small")
    loud = {f.statistic for f, v in zip(broken.findings, broken.verdicts, strict=True) if v == "approximate"}
    assert {"calibration", "mmse"} <= loud


def test_a_classifier_tells_broken_draws_from_exact_ones():
    """Not in the quick tier: it costs more than all others together."""
    case, tier = make("mixture", "inpaint_noisy", 2), panel.TIERS["small"]

    def score(sampler):
        pools, _ = draw(sampler, case.deep[0], 500, 0, ("c2st",))
        found = statistics.find("c2st")(Evidence(sampler, case, tier, 0, None, (pools,)))
        return next(f for f in found if f.part == "wide directions")

    same, weak = score(Exact()), score(FAULTS["noise over √2"].sampler)
    assert same.surprise > 0.01 and weak.value > 0.7 and weak.surprise < 1e-6


def test_names_that_do_not_exist_are_told():
    with pytest.raises(PosterityError, match=r"prior 'levi'.*gaussian, mixture, kernel"):
        make("levi", "denoise", 1)
    with pytest.raises(PosterityError, match="task 'paint'"):
        make("gaussian", "paint", 1)
    assert torch.equal(make("gaussian", "denoise", 2, seed=1).wide.y, make("gaussian", "denoise", 2, seed=1).wide.y)


def test_signals_of_many_dimensions_are_looked_along_few_directions():
    """Images of 17 × 17 = 289 pixels: no covariance matrix a measurement, and the exact sampler still passes."""
    rng = torch.Generator().manual_seed(0)
    images = 1.6 * torch.rand(12, 1, 17, 17, generator=rng) - 0.8
    case = make("kernel", "inpaint_noisy", 32, images=images)
    pools, _ = draw(Exact(), case.wide, 31, 0, (0,))
    evidence = Evidence(Exact(), case, panel.TIERS["small"], 0, pools, ())
    for statistic in ("moments", "coupling", "spread"):
        assert {"approximate", "n/a"}.isdisjoint(verdicts(statistics.find(statistic)(evidence)))
    remembered = {key[0]: value for key, value in case.wide.memory.items()}
    assert remembered["directions"].shape == (289, 64) and "covariances" not in remembered
    # along a direction, the closed form and the draws agree
    x = case.wide.exact.draw(1000, "along")
    ratio = (x @ remembered["directions"]).var(1) / remembered["variances"]
    assert (ratio.mean(0) - 1).abs().max() < 0.05
