"""The dense mixture: against autograd, importance sampling and its own samples."""

import math

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.base import Operator
from posterity.operators.masks import Inpainting
from posterity.priors.base import Prior
from posterity.priors.mixture import Mixture


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


class Matrix(Operator):
    """y = A x with one dense matrix a row, or one for all."""

    has = frozenset({"linear"})

    def __init__(self, a: Tensor) -> None:
        self.a, self.signal_shape = a, (a.shape[-1],)

    def forward(self, x: Tensor) -> Tensor:
        return (self.a @ x[..., None])[..., 0]

    def rows(self, index: Tensor) -> "Matrix":
        return Matrix(self.a if len(self.a) == 1 else self.a[index])


def mixture(d: int = 2, k: int = 4, shared: bool = False) -> Mixture:
    g = torch.Generator().manual_seed(5)
    factor = torch.randn(k, d, d, generator=g, dtype=torch.float64)
    covariances = factor @ factor.mT / d + 0.05 * torch.eye(d, dtype=torch.float64)
    weights = torch.rand(k, generator=g, dtype=torch.float64)
    return Mixture(weights, 2 * torch.randn(k, d, generator=g, dtype=torch.float64), 0.3 if shared else covariances)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("t", [0, 300, 999])
def test_denoiser_is_the_gradient_of_the_log_marginal(t: int, shared: bool) -> None:
    prior = mixture(3, shared=shared)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    (score,) = torch.autograd.grad(prior.log_marginal(x, prior.schedule.level(t)).sum(), x)
    a = prior.schedule.alpha_bar(t)
    torch.testing.assert_close(denoised(prior, x, t), (x + (1 - a) * score) / math.sqrt(a), rtol=0, atol=1e-9)


def test_posterior_against_importance_sampling() -> None:
    prior, count, sigma_y = mixture(), 1_000_000, 0.4
    g = torch.Generator().manual_seed(7)
    modes = torch.multinomial(prior.weights, count, replacement=True, generator=g)
    roots = torch.linalg.cholesky(prior.covariances)[modes]
    x = prior.means[modes] + (roots @ torch.randn(count, 2, 1, generator=g, dtype=torch.float64))[..., 0]
    a = torch.tensor([[0.8, -0.5]], dtype=torch.float64)
    y = torch.tensor([[0.3]], dtype=torch.float64)
    likelihood = (-((x @ a.T - y) ** 2)[:, 0] / (2 * sigma_y**2)).exp() / math.sqrt(2 * math.pi * sigma_y**2)
    exact = prior.posterior(Matrix(a[None]), y, sigma_y)
    share = likelihood / likelihood.sum()
    error = 5 / math.sqrt(1 / float((share**2).sum()))
    weights = torch.zeros(4, dtype=torch.float64).index_add(0, modes, share)
    torch.testing.assert_close(exact.mode_probabilities[0], weights, rtol=0, atol=error)
    torch.testing.assert_close(exact.mean[0], share @ x, rtol=0, atol=error * float(x.std()))
    torch.testing.assert_close(exact.log_evidence.exp()[0], likelihood.mean(), rtol=error, atol=0)


@pytest.mark.parametrize("sigma_y", [0.0, 0.3])
def test_samples_follow_the_posterior(sigma_y: float) -> None:
    prior, count = mixture(3), 4000
    a = torch.randn(1, 1, 3, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    exact = prior.posterior(Matrix(a), torch.full((count, 1), 0.5, dtype=torch.float64), sigma_y)
    x = exact.sample(Noise(1, ["a"] * count, range(count)))
    assert ((x.mean(0) - exact.mean[0]).abs() / (x.std(0) / math.sqrt(count))).max() < 5
    if sigma_y == 0:
        torch.testing.assert_close((x @ a[0].T)[:, 0], torch.full((count,), 0.5, dtype=torch.float64))
    else:  # given x, the measurement says nothing more about its component
        laws = torch.distributions.MultivariateNormal(prior.means, prior.covariances)
        responsibilities = prior.weights.log() + laws.log_prob(x[:, None])
        torch.testing.assert_close(exact.mode_of(x), responsibilities.argmax(1))
    assert exact.mode_probabilities.sum(1).allclose(torch.ones(count, dtype=torch.float64))


def test_modes_of_far_components_are_recovered() -> None:
    means = torch.tensor([[-8.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    prior = Mixture(torch.tensor([0.2, 0.3, 0.5]), means, 0.1)
    operator = Matrix(torch.tensor([[[0.0, 1.0]]], dtype=torch.float64))
    count = 3000
    exact = prior.posterior(operator, torch.zeros(count, 1, dtype=torch.float64), 0.5)
    shares = torch.bincount(exact.mode_of(exact.sample(Noise(0, ["a"] * count, range(count)))), minlength=3) / count
    torch.testing.assert_close(shares.double(), torch.tensor([0.4, 0.6, 0.0]).double(), rtol=0, atol=0.045)


def test_a_row_does_not_see_its_batch() -> None:
    prior = Mixture(torch.ones(3), torch.randn(3, 1, 2, 2), 0.2)
    keep = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 0]], dtype=torch.float64).view(3, 1, 2, 2)
    operator, noise = Inpainting(keep, (1, 2, 2)), Noise(2, ["a", "b", "c"], [0, 0, 0])
    y = operator(torch.randn(3, 1, 2, 2, dtype=torch.float64))
    together = prior.posterior(operator, y, 0.1)
    x = together.sample(noise)
    for row, item in enumerate("abc"):
        alone = prior.posterior(operator.rows(torch.tensor([row])), y[row : row + 1], 0.1)
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=0, atol=1e-12)
        torch.testing.assert_close(alone.log_evidence[0], together.log_evidence[row], rtol=0, atol=1e-12)
        torch.testing.assert_close(alone.sample(Noise(2, [item], [0]))[0], x[row], rtol=0, atol=1e-12)
