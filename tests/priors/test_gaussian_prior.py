"""Dense and stationary Gaussian priors: against formulas, autograd and each other."""

import math

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.superresolution import BicubicSR
from posterity.priors.base import NoClosedForm
from posterity.priors.gaussian import Gaussian
from posterity.priors.stationary import StationaryGaussian

TIMES = [0, 250, 999]


@pytest.fixture
def dense() -> Gaussian:
    g = torch.Generator().manual_seed(1)
    factor = torch.randn(12, 12, generator=g, dtype=torch.float64)
    return Gaussian(torch.randn(3, 2, 2, generator=g, dtype=torch.float64), factor @ factor.T / 12)


@pytest.fixture(params=[(4, 4), (4, 5)], ids=["even", "odd"])
def stationary(request: pytest.FixtureRequest) -> StationaryGaussian:
    images = torch.randn(40, 3, *request.param, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    images = images + images.roll(1, -1) + images.roll(1, 1) + 0.3
    return StationaryGaussian.estimate(images)


def as_dense(prior: StationaryGaussian) -> Gaussian:
    d = math.prod(prior.signal_shape)
    basis = torch.eye(d, dtype=torch.float64).unflatten(1, prior.signal_shape)
    return Gaussian(prior.mean, prior.filter(basis, prior.eigen[0]).flatten(1))


@pytest.mark.parametrize("t", TIMES)
def test_dense_denoiser_and_jacobian(dense: Gaussian, t: int) -> None:
    a = dense.schedule.alpha_bar(t)
    identity = torch.eye(12, dtype=torch.float64)
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    inverse = torch.linalg.inv(a * dense.covariance + (1 - a) * identity)
    expected = (
        dense.mean.flatten() + math.sqrt(a) * dense.covariance @ inverse @ (x - math.sqrt(a) * dense.mean).flatten()
    )
    torch.testing.assert_close(dense.denoise(x, t).flatten(), expected, rtol=0, atol=1e-9)
    jacobian = torch.autograd.functional.jacobian(lambda v: dense.denoise(v.view(1, 3, 2, 2), t).flatten(), x.flatten())
    torch.testing.assert_close(jacobian, dense.gain(t), rtol=0, atol=1e-9)
    torch.testing.assert_close(dense.gain(t), math.sqrt(a) * dense.covariance @ inverse, rtol=0, atol=1e-9)


def test_dense_posterior_is_the_textbook_one(dense: Gaussian) -> None:
    keep = torch.tensor([[[[1.0, 0.0], [1.0, 1.0]]], [[[0.0, 1.0], [0.0, 1.0]]]], dtype=torch.float64)
    operator = Inpainting(keep, (3, 2, 2))
    y = operator(torch.randn(2, 3, 2, 2, dtype=torch.float64))
    exact = dense.posterior(operator, y, 0.3)
    for row in range(2):
        seen = keep[row].expand(3, 2, 2).flatten() > 0
        a = torch.eye(12, dtype=torch.float64)[seen]
        precision = torch.linalg.inv(dense.covariance) + a.T @ a / 0.09
        pull = torch.linalg.solve(dense.covariance, dense.mean.flatten()) + a.T @ y[row].flatten()[seen] / 0.09
        torch.testing.assert_close(exact.mean[row].flatten(), torch.linalg.solve(precision, pull), rtol=0, atol=1e-8)
        marginal = a @ dense.covariance @ a.T + 0.09 * torch.eye(int(seen.sum()), dtype=torch.float64)
        law = torch.distributions.MultivariateNormal(a @ dense.mean.flatten(), marginal)
        torch.testing.assert_close(exact.log_evidence[row], law.log_prob(y[row].flatten()[seen]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma_y", [0.0, 0.2])
def test_dense_samples_have_the_posterior_moments(dense: Gaussian, sigma_y: float) -> None:
    count = 4000
    operator = BicubicSR(2, (3, 2, 2))
    y = operator(torch.randn(1, 3, 2, 2, dtype=torch.float64))
    exact = dense.posterior(operator, y.expand(count, -1, -1, -1), sigma_y)
    x = exact.sample(Noise(0, ["a"] * count, range(count)))
    error = (x.mean(0) - exact.mean[0]).abs() / (x.std(0) / math.sqrt(count) + 1e-12)
    assert error.max() < 5
    a = torch.stack([operator(e.view(1, 3, 2, 2)).flatten() for e in torch.eye(12, dtype=torch.float64)], dim=1)
    s = a @ dense.covariance @ a.T + sigma_y**2 * torch.eye(3, dtype=torch.float64)
    expected = dense.covariance - dense.covariance @ a.T @ torch.linalg.inv(s) @ a @ dense.covariance
    scale = torch.outer(dense.covariance.diag(), dense.covariance.diag()).sqrt()
    assert ((x.flatten(1).T.cov() - expected).abs() / scale).max() < 5 * math.sqrt(2 / count)
    if sigma_y == 0:
        torch.testing.assert_close(operator(x), y.expand_as(operator(x)), rtol=0, atol=1e-9)


def test_singular_covariance_and_redundant_noiseless_measurement() -> None:
    direction = torch.tensor([3.0, 4.0]) / 5
    prior = Gaussian(torch.zeros(1, 1, 2), torch.outer(direction, direction))
    truth = 0.7 * direction.double().view(1, 1, 1, 2)
    exact = prior.posterior(Denoising((1, 1, 2)), truth, 0.0)
    torch.testing.assert_close(exact.mean, truth)
    torch.testing.assert_close(exact.sample(Noise(0, ["a"], [0])), truth, rtol=0, atol=1e-9)
    assert torch.isfinite(exact.log_evidence).all()


@pytest.mark.parametrize("t", TIMES)
def test_stationary_denoiser_is_the_dense_one(stationary: StationaryGaussian, t: int) -> None:
    x = torch.randn(3, *stationary.signal_shape, dtype=torch.float64)
    torch.testing.assert_close(stationary.denoise(x, t), as_dense(stationary).denoise(x, t), rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma_y", [0.0, 0.2])
@pytest.mark.parametrize("family", [Denoising, Colorization])
def test_stationary_posterior_is_the_dense_one(stationary: StationaryGaussian, family: type, sigma_y: float) -> None:
    operator = family(stationary.signal_shape)
    y = operator(torch.randn(3, *stationary.signal_shape, dtype=torch.float64))
    fast, slow = stationary.posterior(operator, y, sigma_y), as_dense(stationary).posterior(operator, y, sigma_y)
    torch.testing.assert_close(fast.mean, slow.mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(fast.log_evidence, slow.log_evidence, rtol=1e-9, atol=1e-7)
    assert fast.mode_probabilities.tolist() == [[1.0]] * 3
    assert fast.mode_of(y).tolist() == [0, 0, 0]


def test_stationary_samples_have_the_posterior_covariance(stationary: StationaryGaussian) -> None:
    count = 6000
    operator = Colorization(stationary.signal_shape)
    y = operator(torch.randn(1, *stationary.signal_shape, dtype=torch.float64)).expand(count, -1, -1, -1)
    noise = Noise(3, ["a"] * count, range(count))
    fast = stationary.posterior(operator, y, 0.1)
    x = fast.sample(noise)
    assert ((x.mean(0) - fast.mean[0]).abs() / (x.std(0) / math.sqrt(count))).max() < 5
    slow = as_dense(stationary).posterior(operator, y, 0.1).sample(noise)
    difference = (x.flatten(1).T.cov() - slow.flatten(1).T.cov()).abs().max()
    assert difference < 5 * math.sqrt(2) * math.sqrt(2 / count) * x.flatten(1).var(0).max()


def test_estimate_keeps_the_variance_of_a_pixel() -> None:
    images = torch.rand(30, 3, 8, 8, dtype=torch.float64)
    prior = StationaryGaussian.estimate(images)
    covariance = as_dense(prior).covariance.diag().view(3, 8, 8)
    expected = (images - images.mean(dim=(0, 2, 3))[:, None, None]).square().mean(dim=(0, 2, 3))
    torch.testing.assert_close(covariance, expected[:, None, None].expand(3, 8, 8))
    assert StationaryGaussian.estimate(images, size=4).signal_shape == (3, 4, 4)


@pytest.mark.parametrize("operator", [BicubicSR(2, (3, 4, 4)), Inpainting(torch.eye(4)[None, None], (3, 4, 4))])
def test_stationary_refuses_what_it_cannot_solve(operator: BicubicSR | Inpainting) -> None:
    prior = StationaryGaussian(torch.zeros(3), torch.ones(3, 4, 3), (4, 4))
    y = operator.to(torch.float64)(torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    with pytest.raises(NoClosedForm, match=type(operator).__name__):
        prior.posterior(operator, y, 0.1)
