"""A bench for samplers: priors with known answers, and exact moments of any sampler that is affine in its noise."""

import math
import zlib
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from posterity.certificates import probing
from posterity.certificates.probing import rows
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.superresolution import BicubicSR
from posterity.priors.base import Prediction, Prior
from posterity.samplers.base import Problem
from posterity.wrappers.base import Wrapped, Wrapper

SCHEDULE = Schedule.linear()


class Gaussian(Prior):
    """N(mean, covariance) over the flattened signal: affine denoiser with Jacobian √ᾱ C (ᾱC + (1-ᾱ)I)⁻¹."""

    schedule = SCHEDULE

    def __init__(self, shape, covariance, mean=0.0):
        self.signal_shape, self.covariance, self.mean = shape, covariance.double(), mean

    def jacobian(self, t):
        return self._jacobian(self.schedule.alpha_bar(t))

    def _jacobian(self, a):
        eye = torch.eye(len(self.covariance), dtype=torch.float64)
        return math.sqrt(a) * torch.linalg.solve(a * self.covariance + (1 - a) * eye, self.covariance)

    def predict(self, x_t, level):
        centred = (x_t - level.signal * self.mean).flatten(1)
        return Prediction(self.mean + (centred @ self._jacobian(level.alpha_bar).T).view(x_t.shape))


class Oracle(Prior):
    """Knows the truth, and remembers every (t, x_t) that it was shown."""

    schedule = SCHEDULE

    def __init__(self, truth):
        self.truth, self.signal_shape, self.seen = truth, tuple(truth.shape), []

    def predict(self, x_t, level):
        self.seen.append((int(level.t), x_t.detach().clone()))
        return Prediction(self.truth.expand(x_t.shape))


class Network(Prior):
    """A fixed random network without any meaning, row by row, differentiable and not affine."""

    schedule = SCHEDULE

    def __init__(self, shape, seed=0):
        self.signal_shape, self.times = shape, []
        size = math.prod(shape)
        self.weights = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def predict(self, x_t, level):
        self.times.append(int(level.t))
        # A sum over an axis, not a matrix product, whose rounding may depend on the number of rows.
        mixed = (x_t.flatten(1)[:, None] * self.weights / math.sqrt(len(self.weights))).sum(2)
        return Prediction(torch.tanh(mixed + math.cos(0.01 * level.t)).view(x_t.shape))


@dataclass(frozen=True)
class Draws(Noise):
    """The same contract with one generator a draw: fast for many thousand rows."""

    def draw(self, purpose, step, shape):
        seed = zlib.crc32(f"{self.seed}/{purpose}/{step}".encode())
        rng = torch.Generator().manual_seed(seed)
        return torch.randn(len(self), *shape, generator=rng, dtype=self.dtype)


class Hidden(Inpainting):
    """A mask that hides every pixel, which no task may have: what a sampler makes of no measurement at all."""

    def __init__(self, shape):
        super().__init__(torch.zeros(1, 1, *shape[1:], dtype=torch.float64), shape)

    def __post_init__(self):
        pass


def exact_moments(outcome):
    """Mean and covariance of ``outcome(noise)``, (rows, d), which must be affine in independent draws."""
    found = probing.exact_moments(outcome)
    return found.mean, found.covariance


def assert_monte_carlo(outcome, mean, covariance, count=20_000, errors=4.5):
    """The moments of ``count`` rows are the given ones within standard errors."""
    x = outcome(rows(Draws, count))
    spread = covariance.diagonal().sqrt()
    assert ((x.mean(0) - mean).abs() <= errors * spread / math.sqrt(count) + 1e-9).all()
    found = torch.cov(x.T).view(len(mean), -1)
    scale = torch.outer(spread, spread)
    deviation = ((scale**2 + covariance**2) / count).sqrt()  # of a sample covariance of normal draws
    assert ((found - covariance).abs() <= errors * deviation + 1e-9).all()


def restore(sampler, prior, operator, y, sigma_y=0.0, noise=None, items=None, guidance=None, **options):
    """Samples with one row of y (or as many as there are rows of noise); guidance is a wrapper or a function."""
    count = len(noise)
    y = y.expand(count, *y.shape[1:])
    items = torch.arange(count) if items is None else torch.as_tensor(items)
    problem = Problem(prior, operator, y, sigma_y, items)
    if isinstance(guidance, Wrapper):
        sampler = Wrapped(sampler, (guidance,))
    elif guidance is not None:
        problem.guidance = guidance
    return sampler.sample(problem, noise, **options)


def problem(prior, operator, y, sigma_y=0.0):
    """A problem whose rows are different items, to ask a part of a sampler about."""
    return Problem(prior, operator, y, sigma_y, torch.arange(len(y)))


def operators(shape, factor=4):
    """One operator of every family for images of ``shape`` (3, n, n)."""
    rng = torch.Generator().manual_seed(5)
    keep = (torch.rand(1, 1, *shape[1:], generator=rng) < 0.5).double()
    return {
        "inpaint": Inpainting(keep, shape),
        "sr": BicubicSR(factor, shape),
        "colorize": Colorization(shape),
        "denoise": Denoising(shape),
    }


@pytest.fixture(scope="session")
def bench():
    """The helpers of this file."""
    return SimpleNamespace(
        Gaussian=Gaussian,
        Oracle=Oracle,
        Network=Network,
        Draws=Draws,
        Hidden=Hidden,
        rows=rows,
        exact_moments=exact_moments,
        assert_monte_carlo=assert_monte_carlo,
        restore=restore,
        problem=problem,
        operators=operators,
        schedule=SCHEDULE,
    )
