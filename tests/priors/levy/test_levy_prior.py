"""The Lévy process as a prior: its denoiser and Jacobian, its posterior, and what samplers may rely on."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, laplace
from torch import Tensor

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.operators.masks import Inpainting
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.pointwise import Denoising
from posterity.priors.base import NoClosedForm, Prior
from posterity.priors.levy import BernoulliLaplace, Gauss, Laplace, Length, Levy, Student, problems
from posterity.samplers.base import Problem
from posterity.samplers.diffpir import DiffPIR
from posterity.samplers.dps import DPS
from posterity.samplers.exact import Exact


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


LEVEL = Schedule((1 - 1 / (1 + 0.7**2),))
"""One time, of noise level 0.7."""


class Matrix(Operator):
    """y = A x, one A for all rows."""

    has = frozenset({"linear"})

    def __init__(self, a: torch.Tensor) -> None:
        self.a, self.signal_shape = a.double(), (1, 1, a.shape[-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ self.a.T

    def rows(self, index: torch.Tensor) -> "Matrix":
        return self


def signals(law, count, size, *key):
    return Levy(law, size).draw(count, *key)


def at_level(sigma):
    return Schedule((1 - 1 / (1 + sigma**2),))


def test_denoiser_and_jacobian_as_by_quadrature(law, quadrature):
    """The Jacobian against differences of quadrature; both over 49 streams, those of points 0.001 apart."""
    a, sigma, point, step = LEVEL.alpha_bar(0), LEVEL.level(0).sigma, np.array([0.6, 1.1]), 0.02

    def truth(x):
        return quadrature(law, np.eye(2), x / math.sqrt(a), sigma).mean

    right = np.stack([(truth(point + d) - truth(point - d)) / (2 * step) for d in step * np.eye(2)], axis=1)
    prior = Levy(law, 2, LEVEL, length=Length(least=100, most=100, tolerance=1e-9))
    offsets = torch.cartesian_prod(*2 * [0.001 * torch.arange(-3, 4).double()])
    x = (torch.from_numpy(point) + offsets).repeat_interleave(2, dim=0).view(-1, 1, 1, 2).requires_grad_()
    out = denoised(prior, x, 0).flatten(1)
    weight = torch.eye(2).double().repeat(49, 1)
    (slopes,) = torch.autograd.grad((weight * out).sum(), x)
    slopes = slopes.view(49, 2, 2).numpy()
    for values, exact, near in ((out[::2].detach().numpy(), truth(point), 0.01), (slopes, right, 0.02)):
        error = values.std(0, ddof=1) / math.sqrt(len(values))
        assert (np.abs(values.mean(0) - exact) <= 4 * error + 1e-4).all()
        np.testing.assert_allclose(values.mean(0), exact, atol=near)
    np.testing.assert_allclose(slopes[:, 0, 1], slopes[:, 1, 0], atol=1e-12)


def test_denoiser_is_within_its_tolerance():
    prior = Levy(Laplace(1.0), 16, LEVEL, length=Length(most=500))
    exact = Levy(Laplace(1.0), 16, LEVEL, seed=1, length=Length(least=3000, most=3000, tolerance=1e-9))
    x_t = math.sqrt(LEVEL.alpha_bar(0)) * (signals(Laplace(1.0), 10, 16) + 0.7 * torch.randn(10, 1, 1, 16).double())
    error = (denoised(prior, x_t, 0) - denoised(exact, x_t, 0)) / LEVEL.level(0).sigma
    assert error.square().mean().sqrt() < 0.02
    assert error.abs().max() < 0.08
    assert 10 * 4 * (20 + 12) <= prior.sweeps <= 10 * 4 * (500 + 12)


def test_without_noise_the_denoiser_returns_its_input(law):
    x, schedule = signals(law, 3, 8), at_level(1e-4)
    out = Levy(law, 8, schedule).predict(math.sqrt(schedule.alpha_bar(0)) * x, schedule.level(0)).x0
    assert (out - x).abs().max() < 3e-4
    assert Levy(law, 8, schedule).predict(x, CLEAN).x0 is x


@pytest.mark.parametrize("law", [Gauss(0.25), Laplace(1.0), Student(3), BernoulliLaplace(0.3, 1.0)])
def test_in_much_noise_the_denoiser_is_the_linear_one(law):
    """E[x0 | y] → Cov(x0) y/σ² as σ → ∞ where Cov(x0) exists."""
    sigma, n = 300.0, 4
    variance = {Gauss: 0.25, Laplace: 2.0, Student: 3.0, BernoulliLaplace: 0.6}[type(law)]
    running = torch.tril(torch.ones(n, n)).double()
    y = sigma * torch.tensor([[1.0, -0.5, 2.0, 1.0]]).double()
    prior = Levy(law, n, at_level(sigma), length=Length(least=2000, most=2000, tolerance=1e-9))
    out = denoised(prior, y.view(1, 1, 1, n) * math.sqrt(prior.schedule.alpha_bar(0)), 0).flatten(1)
    right = y @ (variance * running @ running.T) / sigma**2
    assert ((out - right).norm() / right.norm()) < (0.15 if isinstance(law, Student) else 0.05)


def test_ancestral_sampling_draws_the_prior():
    law, schedule, count = Laplace(0.3), Schedule.linear(40), 150
    prior = Levy(law, 6, schedule, length=Length(tolerance=0.1, most=60))
    x = prior.start(Noise(0, [""] * count, range(count)))[1]
    for t in range(len(schedule) - 1, -1, -1):
        step = PosteriorStep.between(schedule.level(t), schedule.level(t - 1))
        x = step.x0_weight * denoised(prior, x, t) + step.xt_weight * x
        if t:
            x = x + math.sqrt(step.variance) * torch.randn(x.shape, dtype=x.dtype)
    u = torch.diff(x.flatten(1), prepend=torch.zeros(count, 1)).flatten().numpy()
    assert kstest(u, laplace(scale=0.3).cdf).pvalue > 1e-3


@pytest.mark.parametrize("law", [Laplace(1.0), BernoulliLaplace(0.3, 1.0)])
def test_a_row_does_not_see_its_batch(law):
    prior = Levy(law, 8, length=Length(most=80))
    x = signals(law, 7, 8, "batch").requires_grad_()
    weight = torch.randn_like(x)
    for t in (5, 400):
        out = denoised(prior, x, t)
        (slope,) = torch.autograd.grad((weight * out).sum(), x)
        for row in (0, 4):
            own = x[row : row + 1].detach().requires_grad_()
            alone = denoised(prior, own, t)
            torch.testing.assert_close(alone[0], out[row], rtol=0, atol=1e-12)
            (gradient,) = torch.autograd.grad((weight[row] * alone).sum(), own)
            torch.testing.assert_close(gradient[0], slope[row], rtol=1e-12, atol=1e-12)
        nudged = denoised(prior, x.detach() * (1 + 1e-15), t)
        torch.testing.assert_close(nudged, out, rtol=0, atol=1e-9)


@pytest.mark.parametrize("law", [Student(2), BernoulliLaplace(0.3, 1.0)])
@pytest.mark.parametrize("dense", [False, True])
def test_a_posterior_row_does_not_see_its_batch(law, dense):
    rng = torch.Generator().manual_seed(3)
    operator = Matrix(torch.randn(5, 8, generator=rng)) if dense else _inpainting(8)
    y, items, samples = operator(signals(law, 2, 8, "rows")), ["a", "a", "b", "b", "a"], [0, 1, 0, 5, 7]
    which = torch.tensor([0, 0, 1, 1, 0])
    prior = Levy(law, 8, posterior_length=Length(least=40, most=40))
    together = prior.posterior(operator, y[which], 0.3)
    x = together.sample(Noise(2, items, samples))
    assert (x[0] != x[1]).any() and (together.mean[0] == together.mean[1]).all()
    for row in (1, 3):
        alone = prior.posterior(operator, y[which[row : row + 1]], 0.3)
        own = alone.sample(Noise(2, [items[row]], [samples[row]]))
        torch.testing.assert_close(own[0], x[row], rtol=0, atol=1e-12)
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=0, atol=1e-12)
        torch.testing.assert_close(alone.covariance[0], together.covariance[row], rtol=0, atol=1e-12)


def _inpainting(size, keep=(1, 0, 1, 1)):
    mask = torch.tensor([keep]).double().repeat(1, size // len(keep)).view(1, 1, 1, size)
    return Inpainting(mask, (1, 1, size))


@pytest.mark.parametrize("dense", [False, True])
def test_sampler_exact_draws_what_the_moments_say(law, dense):
    count, size = 320, 4
    operator = Matrix(torch.tensor([[1.0, 1, 0, 0], [0, 0.5, 1, 0], [0, 1, 0, 1], [1, 0, 0, 0]]))
    operator = operator if dense else Denoising((1, 1, size))
    prior = Levy(law, size)
    y = operator(signals(law, 1, size, "exact")).expand(count, *operator(signals(law, 1, size)).shape[1:])
    problem = Problem(prior, operator, y, 0.5, torch.arange(count))
    x = Exact().sample(problem, Noise(0, ["item"] * count, range(count))).x.flatten(1)
    posterior = prior.posterior(operator, y[:1], 0.5)
    spread = posterior.covariance[0].diagonal().sqrt()
    assert ((x.mean(0) - posterior.mean[0].flatten()) / spread).abs().max() < 4 * math.sqrt(1.5 / count)
    torch.testing.assert_close(x.std(0) / spread, torch.ones(size).double(), rtol=0, atol=0.25)
    zero = torch.from_numpy(posterior.estimate.zero[0])
    u = torch.diff(x, prepend=torch.zeros(count, 1).double())
    torch.testing.assert_close((u.abs() < 1e-12).double().mean(0), zero, rtol=0, atol=0.12)
    assert (Exact(stream=1).sample(problem, Noise(0, ["item"] * count, range(count))).x.flatten(1) != x).any()


def test_noiseless_inpainting_keeps_what_is_known():
    prior, operator = Levy(Student(1), 8), _inpainting(8)
    truth = signals(Student(1), 1, 8, "noiseless")
    y = operator(truth).expand(40, 1, 1, 8)
    x = prior.posterior(operator, y, 0.0).sample(Noise(0, ["a"] * 40, range(40)))
    torch.testing.assert_close(operator(x), y, rtol=1e-9, atol=1e-9)
    assert x[:, 0, 0, 1].std() > 0.01


def test_masks_of_their_own_rows_of_their_own():
    prior = Levy(Laplace(1.0), 8, posterior_length=Length(least=40, most=40))
    keep = torch.ones(3, 1, 1, 8).double()
    keep[0, ..., :3] = keep[2, ..., 5:] = 0
    operator = Inpainting(keep, (1, 1, 8))
    y = operator(signals(Laplace(1.0), 3, 8, "masks"))
    together = prior.posterior(operator, y, 0.2)
    for row in range(3):
        alone = prior.posterior(operator.rows(torch.tensor([row])), y[row : row + 1], 0.2)
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", [DPS(steps=20, clamp=False), DiffPIR(steps=20, clamp=False)])
def test_samplers_run_on_it_and_do_not_see_the_batch(sampler):
    prior, operator = Levy(Laplace(0.2), 8, length=Length(tolerance=0.1, most=60)), _inpainting(8)
    y = operator(signals(Laplace(0.2), 4, 8, "y"))
    noise = Noise(0, list("abcd"), [0] * 4)
    together = sampler.sample(Problem(prior, operator, y, 0.1, torch.arange(4)), noise).x
    before = prior.sweeps
    alone = sampler.sample(Problem(prior, operator, y[2:3], 0.1, torch.zeros(1)), Noise(0, ["c"], [0])).x
    torch.testing.assert_close(alone[0], together[2], rtol=0, atol=1e-5)
    assert together.isfinite().all() and prior.sweeps > before > 0


def test_a_row_that_is_not_finite_stays_alone():
    prior, x = Levy(Laplace(1.0), 4), torch.zeros(2, 1, 1, 4, dtype=torch.float64)
    x[0, 0, 0, 1] = math.inf
    out = denoised(prior, x, 10)
    assert out[0].isnan().all() and out[1].isfinite().all()


def test_start_has_the_law_of_the_last_time():
    prior = Levy(Student(1), 128)
    t, x = prior.start(Noise(0, ["a"] * 500, range(500)))
    assert t == 999
    assert x[..., -1].abs().median() > 0.9  # 0.674 for white noise
    torch.testing.assert_close(x[5:6], prior.start(Noise(0, ["a"], [5]))[1])


def test_problems_are_those_of_the_benchmark():
    made = problems(Laplace(1.0), 64, seed=1)
    assert {name: tuple(p.matrix.shape) for name, p in made.items()} == {
        "denoise": (64, 64),
        "deconvolve": (64, 64),
        "impute": (33, 64),
        "fourier": (36, 64),
    }
    blur = made["deconvolve"].matrix
    assert ((blur > 0).sum(1) == 13).all() and torch.allclose(blur.sum(1), torch.ones(64).double())
    assert blur[0, 2] / blur[0, 0] == pytest.approx(math.exp(-0.5)) and torch.equal(blur, blur.T)
    gram = made["fourier"].matrix @ made["fourier"].matrix.T
    torch.testing.assert_close(gram, torch.eye(36).double(), rtol=0, atol=1e-12)
    x = signals(Laplace(1.0), 2000, 64, "power").flatten(1)
    for problem in made.values():
        power = (x @ problem.matrix.T).square().mean(1).median()
        assert 10 * math.log10(power / problem.sigma_y**2) == pytest.approx(25, abs=0.7)
    assert torch.equal(problems(Laplace(2.0), 64, seed=1)["impute"].matrix, made["impute"].matrix)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gauss(0.0), r"Gauss: variance = 0\.0 is not a positive number"),
        (lambda: Laplace(-1), "Laplace: b = -1 "),
        (lambda: Laplace(math.nan), "Laplace: b = nan "),
        (lambda: Student(0), "Student: nu = 0 "),
        (lambda: Student(1, math.inf), "Student: scale = inf "),
        (lambda: BernoulliLaplace(1.0, 1.0), r"BernoulliLaplace: p = 1\.0 is not between 0 and 1"),
        (lambda: BernoulliLaplace(0.1, 0), "BernoulliLaplace: b = 0 "),
        (lambda: Levy("laplace"), "Levy: increments 'laplace' are none of Gauss, Laplace"),
        (lambda: Levy(Laplace(1.0), 1), "Levy: size = 1 is not a whole number from 2 on"),
        (lambda: Length(tolerance=0), "Gibbs chains: tolerance = 0 "),
        (lambda: Length(least=30), "Gibbs chains: least = 30 is not a positive multiple of 20"),
        (lambda: Length(least=100, most=40), "Gibbs chains: most = 40 "),
        (lambda: Length(burn_in=3), "Gibbs chains: burn_in = 3 "),
        (lambda: Length(chains=2), "Gibbs chains: chains = 2 is not 4 or more"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(make, words):
    with pytest.raises(PosterityError, match=words) as told:
        make()
    assert "\n" not in str(told.value)


def test_what_has_no_posterior_says_why():
    sparse, y = Levy(BernoulliLaplace(0.1, 1.0), 8), torch.zeros(1, 1, 1, 8).double()
    with pytest.raises(NoClosedForm, match=r"σ_y = 0\.0 when its increments can be 0"):
        sparse.posterior(Denoising((1, 1, 8)), y, 0.0)
    with pytest.raises(NoClosedForm, match="unless every measurement is of one sample"):
        Levy(Laplace(1.0), 8).posterior(Matrix(torch.ones(1, 8)), torch.zeros(1, 1), 0.0)
    with pytest.raises(NoClosedForm, match="PhaseRetrieval is not linear"):
        sparse.posterior(PhaseRetrieval(8, (1, 1, 8)), y, 0.1)
    posterior = sparse.posterior(Denoising((1, 1, 8)), y, 0.1)
    for ask in (
        lambda: posterior.mode_probabilities,
        lambda: posterior.log_evidence,
        lambda: posterior.mode_of(y),
    ):
        with pytest.raises(NoClosedForm, match="Lévy process"):
            ask()
