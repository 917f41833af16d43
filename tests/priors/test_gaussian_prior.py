"""Dense and stationary Gaussian priors: against formulas, autograd and each other."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import Noise, generator
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.operators.build import build, draw
from posterity.operators.hdr import Clipping
from posterity.operators.jpeg import Jpeg
from posterity.operators.masks import Inpainting
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.superresolution import BicubicSR
from posterity.priors.base import NoClosedForm, Prior
from posterity.priors.gaussian import Gaussian
from posterity.priors.stationary import StationaryGaussian


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


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
    torch.testing.assert_close(denoised(dense, x, t).flatten(), expected, rtol=0, atol=1e-9)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: denoised(dense, v.view(1, 3, 2, 2), t).flatten(), x.flatten()
    )
    torch.testing.assert_close(jacobian, dense.gain(dense.schedule.level(t)), rtol=0, atol=1e-9)
    torch.testing.assert_close(
        dense.gain(dense.schedule.level(t)), math.sqrt(a) * dense.covariance @ inverse, rtol=0, atol=1e-9
    )


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
    torch.testing.assert_close(
        denoised(stationary, x, t),
        denoised(as_dense(stationary), x, t),
        rtol=0,
        atol=1e-9,
    )


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


SOLVED: dict[str, dict[str, Any]] = {
    "inpaint": {"pixels": [0.3, 0.6]},
    "sr": {"factor": 2},
    "pool": {"factor": 4},
    "blur": {"width": 0.7},
    "blur_truncated": {"width": 0.7},
    "motion_blur": {"size": 5, "intensity": 0.5},
    "hadamard": {"ratio": 2},
    "dense": {"measured": 9},
}
"""Operators that do not treat all pixels alike."""


@pytest.fixture(scope="module")
def small() -> StationaryGaussian:
    images = torch.randn(40, 3, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return StationaryGaussian.estimate(images + images.roll(1, -1) + images.roll(1, 1) + 0.3)


def problem(family: str, prior: StationaryGaussian, rows: int, sigma_y: float) -> tuple[Operator, Tensor]:
    """An operator with parameters of their own in each row, where the family has them, and measurements."""
    task, shape = {"operator": family, **SOLVED[family]}, prior.signal_shape
    own = [draw(task, shape, generator(family, row)) for row in range(rows)]
    operator = build(task, shape, {name: torch.cat([o[name] for o in own]) for name in own[0]})
    rng = torch.Generator().manual_seed(4)
    y = operator(torch.randn(rows, *shape, dtype=torch.float64, generator=rng))
    noise = torch.randn(y.shape, dtype=torch.float64, generator=rng)
    return operator, y + sigma_y * operator.where_measured(y) * noise


def textbook(prior: StationaryGaussian, operator: Operator, y: Tensor, sigma_y: float) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of the posterior of one measurement (1, …), with dense matrices."""
    d = math.prod(prior.signal_shape)
    basis = torch.eye(d, dtype=torch.float64).unflatten(1, prior.signal_shape)
    a = torch.cat([operator(e[None]).flatten(1) for e in basis]).T
    covariance, mean = as_dense(prior).covariance, prior.mean.flatten()
    noisy = a @ covariance @ a.T + sigma_y**2 * torch.eye(len(a), dtype=torch.float64)
    gain = covariance @ a.T @ torch.linalg.pinv(noisy, rtol=1e-11, hermitian=True)
    return mean + gain @ (y.flatten() - a @ mean), covariance - gain @ a @ covariance


@pytest.mark.parametrize("sigma_y", [0.0, 0.2])
@pytest.mark.parametrize("family", SOLVED)
def test_every_linear_operator_has_its_posterior_mean(small: StationaryGaussian, family: str, sigma_y: float) -> None:
    operator, y = problem(family, small, 3, sigma_y)
    fast = small.posterior(operator, y, sigma_y)
    for row in range(3):
        expected, _ = textbook(small, operator.rows(torch.tensor([row])), y[row], sigma_y)
        torch.testing.assert_close(fast.mean[row].flatten(), expected, rtol=0, atol=1e-7)
    assert fast.mode_probabilities.tolist() == [[1.0]] * 3 and fast.mode_of(y).tolist() == [0, 0, 0]


@pytest.mark.parametrize("sigma_y", [0.0, 0.3])
@pytest.mark.parametrize("family", ["inpaint", "sr"])
def test_solved_draws_have_the_posterior_moments(small: StationaryGaussian, family: str, sigma_y: float) -> None:
    count = 6000
    operator, y = problem(family, small, 1, sigma_y)
    exact = small.posterior(operator, y.expand(count, *y.shape[1:]), sigma_y)
    x = exact.sample(Noise(3, ["a"] * count, range(count)))
    mean, covariance = textbook(small, operator, y, sigma_y)
    if sigma_y == 0:
        assert (operator(x) - y).abs().max() < 1e-7
    variance = covariance.diag().clamp(min=0)
    assert ((x.flatten(1).mean(0) - mean).abs() <= 5 * (variance / count).sqrt() + 1e-7).all()
    error = 5 * ((torch.outer(variance, variance) + covariance**2) / count).sqrt()  # of normal draws' covariance
    assert ((x.flatten(1).T.cov() - covariance).abs() <= error + 1e-9).all()


def test_a_solved_row_does_not_see_the_others(small: StationaryGaussian) -> None:
    operator, y = problem("inpaint", small, 3, 0.1)
    y = y * torch.tensor([1.0, 1e3, 0.0])[:, None, None, None]
    together = small.posterior(operator, y, 0.1).sample(Noise(3, ["a", "b", "c"], [0, 1, 2]))
    for row, name in enumerate("abc"):
        one = small.posterior(operator.rows(torch.tensor([row])), y[[row]], 0.1).sample(Noise(3, [name], [row]))
        torch.testing.assert_close(one[0], together[row], rtol=0, atol=1e-10)


def test_what_has_no_solution_is_told() -> None:
    """Without noise a measurement that no image of the prior has is not explained."""
    spectrum = torch.zeros(3, 4, 3)
    spectrum[:, 0, 0] = 1
    flat = StationaryGaussian(torch.zeros(3), spectrum, (4, 4))
    operator = Inpainting(torch.eye(4)[None, None].double(), (3, 4, 4))
    y = operator(torch.randn(1, 3, 4, 4, dtype=torch.float64))
    with pytest.raises(PosterityError, match="sigma_y above 0"):
        flat.posterior(operator, y, 0.0).mean  # noqa: B018
    assert flat.posterior(operator, y, 0.1).mean.isfinite().all()


def test_the_evidence_of_a_solved_posterior_is_not_known(small: StationaryGaussian) -> None:
    operator, y = problem("sr", small, 1, 0.1)
    with pytest.raises(NoClosedForm, match="determinant"):
        small.posterior(operator, y, 0.1).log_evidence  # noqa: B018


@pytest.mark.parametrize("operator", [Clipping(2, (3, 16, 16)), Jpeg(20, (3, 16, 16)), PhaseRetrieval(2, (3, 16, 16))])
def test_stationary_refuses_what_is_not_linear(operator: Operator) -> None:
    prior = StationaryGaussian(torch.zeros(3), torch.ones(3, 16, 9), (16, 16))
    with pytest.raises(NoClosedForm, match=f"{type(operator).__name__} is not linear"):
        prior.posterior(operator, operator(torch.zeros(1, 3, 16, 16, dtype=torch.float64)), 0.1)
