"""Solvers of latent priors against closed forms: gradients, paths of pixel DPS, ridge solutions, recursions."""

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from posterity.certificates.probing import exact_moments
from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, ddim_noise_split
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.samplers.base import Problem
from posterity.samplers.dps import DPS
from posterity.samplers.gml_dps import GMLDPS
from posterity.samplers.psld import PSLD
from posterity.samplers.resample import ReSample
from posterity.samplers.resample_repository import ReSampleRepository

SIGNAL, STATE, SIGMA = (1, 4, 4), (2, 2, 2), 0.1
EYE = torch.eye(8, dtype=torch.float64)
SCHEDULE = Schedule.scaled_linear(0.0015, 0.0195)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pca(scale, centre=1.0):
    matrix, _ = torch.linalg.qr(random(4, 2))
    return PatchPCA(matrix, centre * random(4, seed=1), scale, SIGNAL, 2)


@dataclass(frozen=True)
class Biased(PatchPCA):
    """An encoder that returns a share of the state: E(D(z)) = 0.9 z."""

    def encode(self, x):
        return 0.9 * super().encode(x)


def gaussian(seed=2):
    factor = random(8, 8, seed=seed) / 3
    return Gaussian(0.3 * random(*STATE, seed=3), factor @ factor.T + 0.05 * EYE, SCHEDULE)


def operator(rows=1):
    keep = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    keep[..., 2:, 1:] = 0
    return Inpainting(keep, SIGNAL)


def problem(autoencoder, rows=3, prior=None, a=None, sigma_y=SIGMA):
    prior, a = prior or gaussian(), a or operator()
    y = a(autoencoder.decode(random(rows, *STATE, seed=4)) + SIGMA * random(rows, *SIGNAL, seed=5))
    return Problem(Latent(prior, autoencoder), a, y, sigma_y, torch.arange(rows))


def noise(rows=3):
    return Noise(0, list("abcdef")[:rows], [0] * rows)


def through(autoencoder, a):
    """A D as a matrix (m, k) and A D(0)."""
    origin = a(autoencoder.decode(torch.zeros(1, *STATE).double())).flatten()
    basis = EYE.unflatten(1, STATE)
    return (a(autoencoder.decode(basis)).flatten(1) - origin).T, origin


class Projected(Noise):
    """States' draws that are the projections of the draws of signals, with the mean's share in the first state."""

    def draw(self, purpose, step, shape):
        assert shape == STATE
        linear = pca(1.0, centre=0.0)
        out = linear.encode(super().draw(purpose, step, SIGNAL))
        if purpose == "init" and self.shift:
            out = out - SCHEDULE.level(999).signal * linear.encode(pca(1.0).decode(torch.zeros(1, *STATE).double()))
        return out

    shift = True


class Unshifted(Projected):
    """The twin that forgets the mean."""

    shift = False


@pytest.mark.parametrize("steps", [60, 1000])
def test_latent_dps_walks_the_path_of_dps_in_pixels(steps):
    latent, autoencoder = problem(pca(1.0)), pca(1.0)
    linear = pca(1.0, centre=0.0)
    basis = linear.decode(EYE.unflatten(1, STATE)).flatten(1).T
    prior = latent.prior.prior
    mean = autoencoder.decode(prior.mean[None])[0]
    pixel = Problem(
        Gaussian(mean, basis @ prior.covariance @ basis.T, SCHEDULE), latent.operator, latent.y, SIGMA, latent.items
    )
    sampler = DPS(steps=steps, scale=0.1, clamp=False)
    x = sampler.sample(pixel, noise()).x
    names = (list("abc"), [0] * 3)
    torch.testing.assert_close(sampler.sample(latent, Projected(0, *names)).x, x, rtol=0, atol=1e-10)
    assert (sampler.sample(latent, Unshifted(0, *names)).x - x).abs().max() > 1e-8


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_gml_is_latent_dps_where_encoding_undoes_decoding(scale):
    plain = DPS(steps=60, scale=0.2).sample(problem(pca(scale)), noise()).state
    sampler = GMLDPS(steps=60, scale=0.2, gluing=0.5)
    torch.testing.assert_close(sampler.sample(problem(pca(scale)), noise()).state, plain, rtol=0, atol=1e-12)
    one = pca(scale)
    biased = Biased(one.matrix, one.centre, one.scale, SIGNAL, 2)
    assert (sampler.sample(problem(biased), noise()).state - plain).abs().max() > 1e-3


def test_gml_pulls_by_what_encoding_changes():
    """With E(D(z)) = c z the gradient of the second norm is γ |1 - c| G z0/‖z0‖."""
    one, level, z = pca(1.0), SCHEDULE.level(300), random(3, *STATE, seed=6)
    given = problem(Biased(one.matrix, one.centre, one.scale, SIGNAL, 2)).of_states()
    z0, _, found = GMLDPS(scale=0.0, gluing=0.7)._predict(given, z, level)
    unit = z0.flatten(1) / z0.flatten(1).norm(dim=1, keepdim=True)
    wanted = 0.7 * 0.1 * unit @ given.prior.prior.gain(level)
    torch.testing.assert_close(found.flatten(1), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_gradient_of_psld(scale):
    """e = -s²(AD)ᵀr and ∇ = γ s² G (AD)ᵀ(AD) e/‖e‖ beside -η G (AD)ᵀ r/‖r‖."""
    autoencoder, level, z = pca(scale), SCHEDULE.level(300), random(3, *STATE, seed=7)
    given = problem(autoencoder).of_states()
    matrix, origin = through(autoencoder, operator())
    z0, found = PSLD(scale=0.3, gluing=0.7)._predict(given, z, level)
    r = given.y.flatten(1) - origin - z0.flatten(1) @ matrix.T
    e = -(scale**2) * r @ matrix
    gain = given.prior.prior.gain(level)

    def wanted(s):
        glue = 0.7 * s**2 * (e / e.norm(dim=1, keepdim=True)) @ matrix.T @ matrix
        return (glue - 0.3 * r @ matrix / r.norm(dim=1, keepdim=True)) @ gain

    torch.testing.assert_close(found.flatten(1), wanted(scale), rtol=0, atol=1e-12)
    assert (found.flatten(1) - wanted(1.3 * scale)).abs().max() > 1e-3  # a forgotten scale is seen


def test_psld_stays_where_everything_is_measured():
    autoencoder = pca(1.0)
    z = random(1, *STATE, seed=8)
    prior = Gaussian(z[0], 1e-20 * EYE, SCHEDULE)
    seen = Problem(Latent(prior, autoencoder), Denoising(SIGNAL), autoencoder.decode(z), 0.0, torch.zeros(1).long())
    done = PSLD(steps=30, scale=0.5, gluing=0.5).sample(seen, noise(1))
    torch.testing.assert_close(done.state, z, rtol=0, atol=1e-9)


def recursion(sampler, prior, ancestral, end_noise=True):
    """Mean and covariance of a chain that never reads y: affine steps of a Gaussian's denoiser."""
    levels = sampler.times(SCHEDULE)
    mean, cov, m = torch.zeros(8).double(), EYE, prior.mean.flatten()
    for t, s in pairwise(levels):
        gain = prior.gain(t)
        if ancestral is None:
            move = PosteriorStep.between(t, s)
            onto, of_state, fresh = move.x0_weight, move.xt_weight, move.std()
        else:
            fresh, kept = ddim_noise_split(t, s, ancestral)
            onto, of_state = s.signal - kept / t.sigma, kept / t.noise
        step = onto * gain + of_state * EYE
        mean = step @ mean + onto * (m - t.signal * gain @ m)
        cov = step @ cov @ step.T + (fresh**2) * EYE * (end_noise or s != levels[-1])
    return mean, cov


@pytest.mark.parametrize(
    ("sampler", "ancestral"),
    [
        (DPS(steps=40, scale=0.0), None),
        (GMLDPS(steps=40, scale=0.0, gluing=0.0), None),
        (PSLD(steps=40, scale=0.0, gluing=0.0), None),
        (PSLD(steps=40, scale=0.0, gluing=0.0, stochasticity=0.3), 0.3),
        (ReSample(steps=40, spread=0.0, iterations=2), 1.0),
        (ReSample(steps=40, spread=0.0, iterations=2, stochasticity=0.0), 0.0),
        (ReSampleRepository(steps=40, scale=0.0, spread=0.0, iterations=0, signal_iterations=0), 0.0),
    ],
)
def test_without_reading_y_the_law_is_the_recursion(sampler, ancestral):
    given = problem(pca(1.5), rows=1)

    def outcome(draws):
        count = len(draws)
        many = Problem(given.prior, given.operator, given.y.expand(count, *SIGNAL), SIGMA, torch.arange(count))
        return sampler.sample(many, draws).state.flatten(1)

    found = exact_moments(outcome)
    mean, cov = recursion(sampler, given.prior.prior, ancestral)
    torch.testing.assert_close(found.mean, mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.covariance, cov, rtol=0, atol=1e-10)
    # neither the prior itself nor another step has these moments
    other = recursion(sampler, given.prior.prior, 0.6)[1]
    assert min((cov - given.prior.prior.covariance).abs().max(), (cov - other).abs().max()) > 1e-6


@pytest.mark.parametrize(("weight", "off"), [(1.0, 1e-9), (0.1, 1e-9)])
def test_hard_consistency_is_the_ridge_solution(weight, off):
    autoencoder, z0 = pca(1.0), random(3, *STATE, seed=9)
    given = problem(autoencoder, sigma_y=0.0).of_states()
    matrix, origin = through(autoencoder, operator())
    left = (given.y.flatten(1) - origin) @ matrix + weight * z0.flatten(1)
    wanted = torch.linalg.solve(matrix.T @ matrix + weight * EYE, left.T).T
    solver = ReSample(aliased=False, proximal=weight, iterations=500)
    found = solver._consistent(given, z0, SCHEDULE.level(100)).flatten(1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=off)
    aliased = ReSample(proximal=weight, iterations=500)._consistent(given, z0, SCHEDULE.level(100)).flatten(1)
    assert (aliased - wanted).abs().max() > 1e-3


def test_each_row_stops_at_the_noise():
    given = problem(pca(1.0)).of_states()
    z0 = random(3, *STATE, seed=9)
    exact = given.prior.encode(given.prior.decode(random(3, *STATE, seed=4)))
    z0[1] = exact[1]
    before = given.residual(z0).flatten(1).square().sum(1) / operator().keep.sum()
    found = ReSample()._consistent(given, z0, SCHEDULE.level(100))
    after = given.residual(found).flatten(1).square().sum(1) / operator().keep.sum()
    fine = before <= SIGMA**2
    assert torch.equal(found[fine], z0[fine])  # bit by bit
    assert (before > SIGMA**2).any() and (after[~fine] < before[~fine]).all()
    alone = ReSample()._consistent(given.rows(torch.tensor([2])), z0[2:], SCHEDULE.level(100))
    torch.testing.assert_close(found[2:], alone, rtol=0, atol=1e-12)


def test_resampling_is_the_product_of_two_gaussians():
    """var = 1/(1/ω² + 1/(1-ᾱ)), and ω²/ω as published for this schedule."""
    for time, own in ((50, 1.705e-4), (100, 5.067e-4), (300, 6.916e-3), (500, 6.126e-2), (700, 0.7522)):
        t = SCHEDULE.level(time)
        for spread in (1.0, 40.0, 4000.0):
            weight, variance = ReSample(spread=spread)._product(SCHEDULE, t)
            omega2 = spread * own
            assert variance == pytest.approx(1 / (1 / omega2 + 1 / (1 - t.alpha_bar)), rel=1e-3)
            assert weight == pytest.approx(omega2 / (omega2 + 1 - t.alpha_bar), rel=1e-3)
    assert ReSample(spread=0.0)._product(SCHEDULE, SCHEDULE.level(300)) == (0.0, 0.0)


def test_the_grid_of_resample_is_that_of_latent_diffusion():
    levels = ReSample().times(SCHEDULE)
    assert [level.t for level in levels[:2]] == [999, 997] and [level.t for level in levels[-3:]] == [3, 1, 0]
    assert ReSample(steps=1000).times(SCHEDULE)[-2:] == [SCHEDULE.level(0), CLEAN]


def test_resample_optimises_where_the_source_does(monkeypatch):
    seen = []

    def consistent(self, problem, z0, t):
        seen.append(t.t)
        return z0

    monkeypatch.setattr(ReSample, "_consistent", consistent)
    ReSample().sample(problem(pca(1.0)), noise())
    assert len(seen) == 38 and seen[-1] == 1 and seen[0] == 741
    assert sum(t <= 300 for t in seen) == 15
    seen.clear()
    ReSample().sample(problem(pca(1.0)), noise(), start=(100.0, random(3, *STATE)))
    assert seen == [81, 61, 41, 21, 1]  # the same steps, however late it begins


def test_one_decode_serves_both_norms():
    for sampler in (GMLDPS(steps=20), PSLD(steps=20)):
        cost = sampler.sample(problem(pca(1.0)), noise()).cost
        assert (cost.forwards, cost.backwards, cost.decodes, cost.encodes) == (20, 20, 21, 20)


def test_resample_counts_its_iterations():
    """50 steps: positions 0, 10 and 20 are optimised in states, 30 in signals, 40 is too noisy; σ_y = 0 never stops."""
    cost = ReSample(steps=50, iterations=7).sample(problem(pca(1.0), sigma_y=0.0), noise()).cost
    states = sum(t <= 300 for t in (1, 201, 401, 601))
    assert (cost.forwards, cost.backwards) == (50, 0)
    assert (cost.decodes, cost.encodes) == (7 * states + (4 - states) + 1, 4 - states)


@pytest.mark.parametrize("sampler", [GMLDPS(), PSLD(), ReSample(), ReSampleRepository()])
def test_pixels_are_refused_in_one_line(sampler):
    pixel = Problem(
        Gaussian(torch.zeros(SIGNAL), torch.eye(16)), operator(), torch.zeros(1, *SIGNAL), SIGMA, torch.zeros(1).long()
    )
    with pytest.raises(PosterityError, match=r"needs a latent prior; this one's states are signals$"):
        sampler.sample(pixel, noise(1))


def test_psld_refuses_what_is_not_linear():
    from posterity.operators.hdr import Clipping

    given = problem(pca(1.0), a=Clipping(2.0, SIGNAL))
    with pytest.raises(PosterityError, match=r"^sampler psld: needs adjoint, linear, which .* lacks$"):
        PSLD(steps=5).sample(given, noise())
    assert math.isfinite(float(ReSample(steps=12).sample(given, noise()).x.sum()))


def test_the_repository_pulls_as_latent_dps_and_resamples_at_the_next_level():
    t, s = SCHEDULE.level(301), SCHEDULE.level(299)
    given, z = problem(pca(1.0)).of_states(), random(3, *STATE, seed=6)
    matrix, origin = through(pca(1.0), operator())
    z0, found = ReSampleRepository()._predict(given, z, t)
    r = given.y.flatten(1) - origin - z0.flatten(1) @ matrix.T
    wanted = -(r @ matrix / r.norm(dim=1, keepdim=True)) @ given.prior.prior.gain(t)
    torch.testing.assert_close(found.flatten(1), wanted, rtol=0, atol=1e-12)
    weight, variance = ReSampleRepository()._product(t, s)
    own = 40 * (1 - s.alpha_bar) / (1 - t.alpha_bar) * (1 - t.alpha_bar / s.alpha_bar)
    assert variance == pytest.approx(1 / (1 / own + 1 / (1 - s.alpha_bar)), rel=1e-12)
    assert weight == pytest.approx(own / (own + 1 - s.alpha_bar), rel=1e-12)
    assert abs(ReSample()._product(SCHEDULE, t)[1] / variance - 1) > 0.1  # the paper's is another


def test_the_repository_optimises_after_trial_steps():
    """30 steps: positions 10 and 20 of 0 … 29, both in signals; each with five network calls on trial."""
    sampler = ReSampleRepository(steps=30, iterations=3, signal_iterations=4, tolerance=0.0)
    cost = sampler.sample(problem(pca(1.0)), noise()).cost
    assert (cost.forwards, cost.backwards) == (30 + 2 * 5, 30)
    # a step's own, the two starts in signals, the last optimisation, the result
    assert (cost.decodes, cost.encodes) == (30 + 2 + 3 + 1, 2)


def test_the_repository_fits_what_it_measures():
    given = problem(pca(1.0)).of_states()
    z = ReSampleRepository(iterations=500, rate=0.05)._in_states(given, random(3, *STATE, seed=9))
    rough = given.residual(random(3, *STATE, seed=9)).flatten(1).norm(dim=1)
    matrix, origin = through(pca(1.0), operator())
    left = given.y.flatten(1) - origin
    least = left - (torch.linalg.lstsq(matrix, left.T).solution.T @ matrix.T)
    found = given.residual(z).flatten(1).norm(dim=1)
    assert (found < 1.1 * least.norm(dim=1) + 0.02 * rough).all()


def test_verify_says_what_a_case_of_signals_lacks():
    from posterity.certificates import panel

    instance = panel.case("gaussian", "denoise", "quick").instances[0]
    assert panel.missing(PSLD(), instance) == "needs a latent prior" and panel.missing(DPS(), instance) == ""
