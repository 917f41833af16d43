"""Test a severity encoder on signals with known truth: does it order degradations, and does v̂ predict the error?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.severities.training import measure

__all__ = ["Examination", "examine", "levels", "ordering_accuracy"]

Estimate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""measurements (B, *signal) → (estimates (B, *state), variances (B,))."""


@dataclass(frozen=True)
class Examination:
    """The results of an examination.

    Arguments:
        ordering_accuracy: :func:`ordering_accuracy` averaged over images and noise draws; None for a task of one
            strength.
        correlation: Pearson's r of v̂ and the true v̄ over all measurements.
        ratio: mean v̂ over mean v̄.
        relative_error: median of ∣v̂ - v̄∣/v̄.
        predicted: mean v̂.
        true: mean v̄.
        error: mean square error of ẑ.
        encoded: mean square error of E(y).
        measurements: number of measurements.
    """

    ordering_accuracy: float | None
    correlation: float
    ratio: float
    relative_error: float
    predicted: float
    true: float
    error: float
    encoded: float
    measurements: int

    def rounded(self) -> dict[str, float | None]:
        """Return all values, rounded to four decimals."""
        return {key: None if value is None else round(value, 4) for key, value in asdict(self).items()}


def examine(
    estimate: Estimate, encode: Callable[[Tensor], Tensor], x: Tensor, task: Mapping[str, Any],
    *, strengths: int = 10, draws: int = 3, seed: int = 0,
) -> Examination:  # fmt: skip
    """Degrade every image x (N, *signal) at ``strengths`` strengths with ``draws`` draws each, and compare estimates.

    Arguments:
        estimate: the encoder.
        encode: E, from images (B, *signal) to states (B, *state).
        x: images, (N, *signal) in [-1, 1].
        task: a task whose strength is a range, or a single strength.
        strengths: number of strengths, evenly spaced over the range.
        draws: draws of masks and noise at each strength.
        seed: seed of the draws.
    """
    told, true, errors, encoded = [], [], [], []
    z0 = encode(x).flatten(1)
    for draw in range(draws):
        for number, one in enumerate(levels(task, strengths)):
            y = measure(one, x, generator("severity", seed, draw, number)).to(x)
            with torch.no_grad():
                z, v = estimate(y)
            e = z.flatten(1) - z0
            told.append(v.double())
            true.append(e.double().var(1))
            errors.append(e.square().mean())
            encoded.append((encode(y).flatten(1) - z0).square().mean())
    v, v_bar = torch.stack(told), torch.stack(true)
    each = v.view(draws, len(v) // draws, -1)
    ordered = [ordering_accuracy(part) for part in each.unbind()]
    return Examination(
        sum(ordered) / draws if each.shape[1] > 1 else None,
        float(torch.corrcoef(torch.stack([v.flatten(), v_bar.flatten()]))[0, 1]),
        float(v.mean() / v_bar.mean()),
        float(((v - v_bar).abs() / v_bar).median()),
        float(v.mean()),
        float(v_bar.mean()),
        float(torch.stack(errors).mean()),
        float(torch.stack(encoded).mean()),
        v.numel(),
    )


def ordering_accuracy(v: Tensor) -> float:
    """Return the share of pairs of strengths in whose order v̂ increases; v is (strengths, N), weakest first.

    Fabian et al. 2023, App. C. By their definition a tie is wrong; their code counts it as right.
    """
    rising = (v[None] > v[:, None]).double()
    first, second = torch.triu_indices(len(v), len(v), 1)
    return float(rising[first, second].mean())


def levels(task: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the task at ``count`` strengths, evenly spaced over its range; one task if it has a single strength."""
    varied = [key for key, value in task.items() if isinstance(value, list | tuple) and _two_numbers(value)]
    if len(varied) != 1:
        return [dict(task)]
    low, high = task[varied[0]]
    return [dict(task) | {varied[0]: [at, at]} for at in torch.linspace(low, high, count).tolist()]


def _two_numbers(value: Any) -> bool:
    return len(value) == 2 and all(isinstance(v, int | float) for v in value)
