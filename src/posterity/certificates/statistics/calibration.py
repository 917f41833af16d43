"""Calibration over measurements: ranks of exact draws among the sampler's draws, by functions that depend on y.

Simulation-based calibration ranks one truth among S draws. Since the posterior is known, many exact draws
are ranked instead, including the truth that gave y: ranks have the same law and far less noise.
Measurements are independent but ranks are not, so errors are computed over measurements.

Coverage is the rank of the exact log-density (highest-density credibility), at equal weights. TARP is the
rank of the distance to a reference that depends on y; with a reference that does not, a sampler that
returns the prior would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import standard_error
from posterity.diffusion.noise import generator

__all__ = ["distance_to", "examine", "ranks"]

Function = Callable[[Tensor], Tensor]
"""f(x_rs, y_r): (R, S, d) → (R, S)."""

COVERAGE = 0.03
RANKS = 0.05
NOMINAL = (0.5, 0.8, 0.95)
LEVELS = tuple(i / 10 for i in range(1, 10))
TRUTHS = 255
FEWEST = 20


def examine(evidence: Evidence) -> list[Finding]:
    """Return the coverage at three levels and, per function, the level at which ranks are farthest from uniform."""
    pools = evidence.wide
    if pools is None or len(pools.x) < FEWEST:
        return [Finding("calibration", note=f"needs at least {FEWEST} measurements of one prior")]

    def of_truths(f: Function) -> Tensor:
        return f(torch.cat([pools.instance.truths[:, None], pools.exact("calibration", TRUTHS)], dim=1))

    out = []
    for name, fixed, f in _functions(pools):
        values = pools.remember(f"calibration {name}", partial(of_truths, f)) if fixed else of_truths(f)
        u = ranks(f(pools.x), values, name, *pools.key)
        out += _coverage(u, pools) if name == "density" else []
        out.append(_worst(name, u, pools))
    return out


def ranks(drawn: Tensor, truths: Tensor, *key: object) -> Tensor:
    """Return the ranks of truths (R, T) among the draws (R, S), in (0, 1), ties broken at random: uniform if exact."""
    ordered = drawn.sort(dim=1).values
    low = torch.searchsorted(ordered, truths.contiguous(), right=False)
    high = torch.searchsorted(ordered, truths.contiguous(), right=True)
    uniform = torch.from_numpy(generator("ranks", *key).random(tuple(truths.shape)))
    return (low + uniform * (high - low + 1)) / (drawn.shape[1] + 1)


def distance_to(reference: Tensor, scale: Tensor) -> Function:
    """Return TARP's function: the distance to one point per measurement (R, d), in units of ``scale`` (d,)."""
    return lambda x: ((x - reference[:, None]) / scale).norm(dim=2)


def _functions(pools: Pools) -> Iterator[tuple[str, bool, Function]]:
    """Yield (name, True if f is the same for all samplers, f)."""
    instance, d = pools.instance, pools.instance.dim
    directions = torch.from_numpy(generator("projections", d).standard_normal((4, d)))
    for i, direction in enumerate(directions):
        yield f"projection {i + 1}", True, partial(_along, direction)
    yield "first entry", True, lambda x: x[..., 0]
    yield "last entry", True, lambda x: x[..., -1]
    yield "total variation", True, lambda x: _total_variation(x.unflatten(2, instance.prior.state_shape))
    if instance.sigma_y > 0:
        yield "residual", True, instance.residuals
    yield "tarp", False, distance_to(_references(pools), pools.x.flatten(0, 1).std(0).clamp(min=1e-9))
    exact = instance.exact
    if isinstance(exact, Conditional):
        yield "density", True, exact.log_density
        if exact.means.shape[1] > 1:
            heaviest = exact.log_weights.argmax(1)
            rows = torch.arange(len(heaviest))
            yield "heaviest mode", True, lambda x: exact.responsibilities(x)[rows, :, heaviest]


def _along(direction: Tensor, x: Tensor) -> Tensor:
    return x @ direction


def _references(pools: Pools) -> Tensor:
    """Return A⁺y_r plus the null-space component of a draw of the prior, (R, d)."""
    instance = pools.instance
    pseudo = torch.linalg.pinv(instance.matrix)
    others = instance.prior_draws[torch.arange(len(pools.x)) % len(instance.prior_draws)]
    return instance.measured @ pseudo.T + others - others @ instance.matrix.T @ pseudo.T


def _total_variation(x: Tensor) -> Tensor:
    """Return the total variation, (R, S, *signal) → (R, S)."""
    steps = [x.diff(dim=axis).abs().flatten(2).sum(2) for axis in range(2, x.ndim)]
    return torch.stack(steps).sum(0)


def _errors(inside: Tensor, level: Tensor, pools: Pools) -> Tensor:
    """Return the standard errors of shares (R, levels): over measurements, and at least that of exact draws."""
    return standard_error(inside, (level * (1 - level) / len(pools.x) / pools.draws).sqrt())


def _coverage(u: Tensor, pools: Pools) -> list[Finding]:
    """Return the share of truths inside the highest-density region of each nominal content."""
    levels = torch.tensor(NOMINAL, dtype=torch.float64)
    inside = (1 - u[:, :, None] < levels).double().mean(1)
    return [
        Finding("calibration", f"coverage {level:g}", float(share), float(error), level, COVERAGE)
        for level, share, error in zip(NOMINAL, inside.mean(0), _errors(inside, levels, pools), strict=True)
    ]


def _worst(name: str, u: Tensor, pools: Pools) -> Finding:
    """Return the level at which the distribution of ranks is farthest from uniform, in standard errors."""
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    inside = (u[:, :, None] <= levels).double().mean(1)
    off, error = inside.mean(0) - levels, _errors(inside, levels, pools)
    at = int((off / error).abs().argmax())
    note = f"share of ranks below {LEVELS[at]:g}, less {LEVELS[at]:g}"
    return Finding("calibration", name, float(off[at]), float(error[at]), 0.0, RANKS, trials=len(LEVELS), note=note)
