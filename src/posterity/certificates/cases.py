"""The problems that samplers are verified on: a prior whose posterior is known, and a linear task.

For a latent prior, draws, matrix and exact posterior are all in terms of states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from posterity.certificates import beat, latent, warp
from posterity.certificates.conditional import Components, Conditional, Exact
from posterity.certificates.gibbs import LAWS, SIZE, Chains
from posterity.certificates.gibbs import prior as levy
from posterity.certificates.toys import TOYS, Toy
from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.operators.build import build
from posterity.operators.dense import Dense
from posterity.priors.base import Prior
from posterity.priors.gaussian import Gaussian
from posterity.priors.kernel import Kernel
from posterity.priors.latent import Latent
from posterity.priors.levy import problems
from posterity.priors.mixture import Mixture
from posterity.signals.ecg import LEADS

__all__ = ["LATENT", "PRIORS", "PROCESSES", "SLOW", "TASKS", "Case", "Instance", "Source", "make", "seen", "tasks"]

TASKS: dict[str, dict[str, Any]] = {
    "inpaint": {"operator": "inpaint", "sigma_y": 0.0},
    "inpaint_noisy": {"operator": "inpaint", "sigma_y": 0.1},
    "denoise": {"operator": "denoise", "sigma_y": 0.3},
    "pool_noisy": {"operator": "pool", "factor": 2, "sigma_y": 0.1},
    "lead_I": {"operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05},
    "lead_I_noiseless": {"operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.0},
}
"""Tasks by name; inpainting misses the right half, ``pool`` averages 2 × 2 pixels, the last two are of ECGs."""


@dataclass(frozen=True)
class Source:
    """A prior whose posterior is known.

    Arguments:
        prior: the prior that samplers see.
        draw: (count, *key) → independent signals (count, d), a function of ``key``.
        condition: (A (m, d), y (R, m), σ_y) → the exact posteriors; y is (R, *measurement), and A the operator, if the
            decoder is not affine.
        affine: whether y is affine in what is drawn.
    """

    prior: Prior
    draw: Callable[..., Tensor]
    condition: Callable[[Any, Tensor, float], Exact]
    affine: bool = True

    @classmethod
    def of(cls, prior: Prior, components: Components) -> Source:
        """Return the source of a mixture, conditioned in closed form."""
        return cls(prior, components.draw, partial(Conditional, components))


Build = Callable[[Tensor | None], Source]


@dataclass(frozen=True)
class Instance:
    """R measurements of signals drawn from one prior, by one operator.

    Arguments:
        prior: the prior that samplers see.
        operator: A, shared by all rows.
        matrix: A as a matrix (m, d), measured entries only; for a latent prior, A∘D without its constant, and where
            that is not affine its slopes from 0 to the unit vectors.
        sigma_y: noise level in the units of x, ≥ 0.
        truths: (R, d).
        y: (R, *measurement).
        exact: the exact posteriors of all R.
        prior_draws: (N, d), for the distance of a sampler that ignores y.
        affine: whether y is affine in x.
        memory: cache of values that depend on exact draws alone and are the same for all samplers.
    """

    prior: Prior
    operator: Operator
    matrix: Tensor
    sigma_y: float
    truths: Tensor
    y: Tensor
    exact: Exact
    prior_draws: Tensor
    affine: bool = True
    memory: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.truths)

    @property
    def dim(self) -> int:
        """Return d."""
        return self.truths.shape[1]

    @property
    def prior_std(self) -> float:
        """Return the root of the mean variance of a coordinate under the prior."""
        return float(self.prior_draws.var(0).mean().sqrt())

    @cached_property
    def measured(self) -> Tensor:
        """Return y as vectors of the measured entries, (R, m), without the constant of A∘D."""
        y = self.y - self.seen(torch.zeros(1, self.dim, dtype=torch.float64)) if self.prior.latent else self.y
        return self._entries(y)

    def _entries(self, y: Tensor) -> Tensor:
        """Return the measured entries of (N, *measurement) as vectors."""
        return y.flatten(1)[:, self.operator.where_measured(self.y[:1]).flatten() > 0]

    def seen(self, x: Tensor) -> Tensor:
        """Return the measurements of x without noise, (N, d) → (N, *measurement)."""
        return _seen(self.prior, self.operator, x)

    def residuals(self, x: Tensor) -> Tensor:
        """Return ‖y_r - A x‖², (R, S, d) → (R, S)."""
        if self.affine:
            return (self.measured[:, None] - x @ self.matrix.T).square().sum(2)
        seen = self._entries(self.seen(x.flatten(0, 1))).unflatten(0, tuple(x.shape[:2]))
        return (self._entries(self.y)[:, None] - seen).square().sum(2)


@dataclass(frozen=True)
class Case:
    """A closed-form problem on which a sampler is certified.

    A statistic that compares distributions over measurements uses ``wide``, many measurements with a
    few draws each; one that examines a single posterior in depth is computed for every instance of
    ``deep`` and pooled. The toy problems of papers are deep only: each has its own prior, A and y.

    Arguments:
        prior_name, task_name: names in certificates.
        wide: R measurements of one prior, or None.
        deep: instances of one measurement each.
    """

    prior_name: str
    task_name: str
    wide: Instance | None
    deep: tuple[Instance, ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Return all instances, the wide one first."""
        return (*([] if self.wide is None else [self.wide]), *self.deep)


def _gaussian(_: Tensor | None) -> Source:
    """Return a smooth Gaussian of 4 × 4 pixels; ±1 is five standard deviations of 0.2, so nothing is clipped."""
    at = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    covariance = 0.04 * torch.exp(-torch.cdist(at, at) / 2)
    prior = Gaussian(0.1 * torch.ones(1, 4, 4, dtype=torch.float64), covariance)
    return Source.of(prior, Components(prior.weights, prior.means, prior.covariances))


def _mixture(_: Tensor | None) -> Source:
    """Return a mixture of 4 × 4 pixels; each half is light or dark, and the two halves are dependent."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    means = 0.3 * signs.repeat_interleave(2, dim=1)[:, None, None, :].expand(-1, 1, 4, -1)
    weights = torch.tensor([0.40, 0.10, 0.15, 0.35], dtype=torch.float64)
    prior = Mixture(weights, means, 0.1**2)
    return Source.of(prior, Components(prior.weights, prior.means, prior.covariances))


def _kernel(images: Tensor | None) -> Source:
    """Return a kernel prior with one mode of width 0.1 per image, from images (N, C, H, W).

    Without a data set the images are 6 left halves of 8 × 8 pixels, each with 4 right halves, so that the
    left half alone does not determine the image.
    """
    if images is None:
        rng = generator("kernel", "images")
        coarse = torch.from_numpy(rng.uniform(-0.8, 0.8, (24, 1, 4, 4)))
        coarse[..., :2] = coarse[:6, :, :, :2].repeat_interleave(4, dim=0) + 0.03 * coarse[..., :2]
        images = coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    images = images.double().unique(dim=0)
    bandwidth, d = 0.1, images[0].numel()
    weights = torch.full((len(images),), 1 / len(images), dtype=torch.float64)
    covariance = bandwidth**2 * torch.eye(d, dtype=torch.float64)
    components = Components(weights, images.flatten(1), covariance[None])
    return Source.of(Kernel(images, weights, bandwidth), components)


def _latent_gaussian(_: Tensor | None) -> Source:
    return _states(latent.gaussian())


def _latent_mixture(_: Tensor | None) -> Source:
    return _states(latent.mixture())


def _latent_warp(_: Tensor | None) -> Source:
    """Return two-dimensional states behind a decoder that is not affine, conditioned by quadrature."""
    prior = warp.prior()
    assert isinstance(prior.prior, Mixture)
    components = Components(prior.prior.weights, prior.prior.means, prior.prior.covariances)
    return Source(prior, components.draw, partial(warp.Grid, prior), affine=False)


def _states(prior: Latent) -> Source:
    """Return the source of the states of a latent prior, whose decoded signals are measured."""
    assert isinstance(prior.prior, Mixture)
    return Source.of(prior, Components(prior.prior.weights, prior.prior.means, prior.prior.covariances))


def _beat(_: Tensor | None) -> Source:
    """Return the Gaussian of median beats of ECGs, in mV."""
    prior = beat.prior()
    return Source.of(prior, Components(prior.weights, prior.means, prior.covariances))


PRIORS: dict[str, Build] = {
    "gaussian": _gaussian,
    "mixture": _mixture,
    "kernel": _kernel,
    "latent_gaussian": _latent_gaussian,
    "latent_mixture": _latent_mixture,
    "latent_warp": _latent_warp,
    "beat": _beat,
}
"""Priors whose posterior has a closed form, or is found on a grid.

Each takes the images of a data set (N, C, H, W), or None.
"""

LATENT = ("latent_gaussian", "latent_mixture", "latent_warp")
"""Latent priors."""
_OF_ECGS = ("lead_I", "lead_I_noiseless")
"""Tasks of the prior of beats; no other has leads."""
_PLAIN = tuple(name for name in TASKS if name not in _OF_ECGS)
_NOISY = tuple(name for name in _PLAIN if TASKS[name]["sigma_y"] > 0)
"""Tasks with a latent prior: all with noise, since without it only the true state explains y."""

SLOW = ("beat",)
"""Priors that the quick tier omits unless they are named: their signals have too many entries for it."""

PROCESSES = tuple(LAWS)
"""Priors whose posterior is sampled by Gibbs chains."""
_PROBLEMS = ("denoise", "deconvolve", "impute", "fourier")
_SINGLY = ("denoise", "impute")
"""Tasks that measure single samples: on others, chains that decide on every increment take minutes."""


def tasks(prior: str) -> tuple[str, ...]:
    """Return the tasks that exist for a prior.

    Raises:
        PosterityError: if there is no such prior.
    """
    if prior not in (*PRIORS, *PROCESSES):
        known = ", ".join((*PRIORS, *PROCESSES))
        raise PosterityError(f"prior {prior!r} is not one that verify knows; choose one of {known}")
    if prior == "bernoulli_laplace":
        return _SINGLY
    if prior == "beat":
        return _OF_ECGS
    if prior in LATENT:
        return _NOISY
    return _PROBLEMS if prior in PROCESSES else _PLAIN


def make(
    prior: str, task: str, replicates: int, images: Tensor | None = None, seed: int = 0, dim: int | None = None
) -> Case:
    """Make the case of one prior and one task.

    Arguments:
        prior: one of ``PRIORS`` or ``PROCESSES``.
        task: one of its ``tasks``.
        replicates: R measurements with a few draws each; one more is examined in depth.
        images: images of a data set, (N, C, H, W) in [-1, 1], for the kernel prior.
        seed: seed of truths and noise.
        dim: if given, make ``replicates`` instances of the toy problem of this dimension instead
            (:mod:`posterity.certificates.toys`); its task is always a dense matrix.

    Raises:
        PosterityError: if there is no such prior or task.
    """
    if dim is not None:
        return _toys(prior, dim, replicates, seed)
    if task not in tasks(prior):
        known = ", ".join(tasks(prior))
        raise PosterityError(f"task {task!r} is not one that verify knows with {prior}; choose one of {known}")
    if prior in PROCESSES:
        process = levy(prior)
        source = Source(process, lambda *key: process.draw(*key).flatten(1), partial(Chains, process))
        matrix, sigma_y = problems(LAWS[prior], SIZE)[task]
        operator: Operator = Dense(matrix[None], process.signal_shape)
    else:
        source = PRIORS[prior](images)
        operator, sigma_y = _operator(TASKS[task], source.prior.signal_shape), TASKS[task]["sigma_y"]
    both = [_instance(source, operator, sigma_y, n, (prior, task, seed, n > 1)) for n in (replicates, 1)]
    return Case(prior, task, both[0], (both[1],))


def _toys(prior: str, dim: int, instances: int, seed: int) -> Case:
    """Make a case whose instances each have their own prior, matrix and measurement."""
    if prior not in TOYS:
        raise PosterityError(f"dim {dim}: the prior {prior} has no toy problem; choose one of {', '.join(TOYS)}")
    toys = [TOYS[prior](dim, number, seed) for number in range(instances)]
    deep = [seen(toy, 2000, "prior", prior, dim, number, seed) for number, toy in enumerate(toys)]
    return Case(prior, "dense", None, tuple(deep))


def seen(toy: Toy, draws: int, *key: object) -> Instance:
    """Return a toy problem as an instance, with ``draws`` draws of its prior that are a function of ``key``."""
    exact = Conditional(toy.components, toy.matrix, toy.y, toy.sigma_y)
    prior = toy.components.draw(draws, *key)
    return Instance(toy.prior, toy.operator, toy.matrix, toy.sigma_y, toy.truth.flatten(1), toy.y, exact, prior)


def _instance(source: Source, operator: Operator, sigma_y: float, count: int, key: tuple[object, ...]) -> Instance:
    truths = source.draw(count, "truths", *key)
    y = _seen(source.prior, operator, truths)
    drawn = torch.from_numpy(generator("verify", "y", *key).standard_normal(tuple(y.shape)))
    y = y + sigma_y * operator.where_measured(y) * drawn
    matrix = _matrix(source.prior, operator, y[:1])
    measured = operator.where_measured(y[:1]).flatten() > 0
    short = y - _seen(source.prior, operator, torch.zeros_like(truths[:1])) if source.prior.latent else y
    exact = (
        source.condition(matrix, short.flatten(1)[:, measured], sigma_y)
        if source.affine
        else source.condition(operator, y, sigma_y)
    )
    draws = source.draw(2000, "prior", *key)
    return Instance(source.prior, operator, matrix, sigma_y, truths, y, exact, draws, source.affine)


def _seen(prior: Prior, operator: Operator, x: Tensor) -> Tensor:
    """Return the noiseless measurements of states or signals x, (N, d) → (N, *measurement)."""
    return operator(prior.decode(x.unflatten(1, prior.state_shape)))


def _operator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Operator:
    parameters: dict[str, Tensor] = {}
    if "observed_leads" in settings:
        parameters["keep"] = torch.tensor([lead in settings["observed_leads"] for lead in LEADS]).float().view(1, -1, 1)
    elif settings["operator"] == "inpaint":
        keep = torch.ones(1, 1, *shape[1:])
        keep[..., shape[2] // 2 :] = 0
        parameters["keep"] = keep
    return build(settings, shape, parameters)


def _matrix(prior: Prior, operator: Operator, y: Tensor) -> Tensor:
    basis = torch.eye(math.prod(prior.state_shape), dtype=torch.float64)
    columns = _seen(prior, operator, basis)
    if prior.latent:
        columns = columns - _seen(prior, operator, torch.zeros_like(basis[:1]))
    return columns.flatten(1).T[operator.where_measured(y).flatten() > 0]
