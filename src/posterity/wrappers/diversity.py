r"""Diversity guidance: samples of one item push their clean predictions apart (Cohen et al. 2024, Sec. 5, Eq. 1-2).

Every clean prediction moves away from its nearest neighbour j among the samples of its item,

.. math:: \hat x_0^i \leftarrow \hat x_0^i + \eta\,\tfrac{t}{T}\,(\hat x_0^i - \hat x_0^j)\,
          1\{\|\hat x_0^i - \hat x_0^j\|_2 < S D\},

all samples simultaneously. S is the number of unknown scalars of one image (masked pixels times
channels for inpainting, all entries otherwise), and the norm is over the full image in [-1, 1]. Public
codes count S differently: to convert to this scale, divide the published inpainting thresholds by 3 for
DPS (pixels, not scalars) and multiply them by 5 for RePaint (S includes the batch). Not copied: their
distances come from a Gram matrix, which loses all digits while predictions are still close.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.samplers.base import Problem, Sampler, settings
from posterity.wrappers.base import Wrapper

__all__ = ["Diversity"]


@settings
class Diversity(Wrapper):
    """Samples of one item push their clean predictions apart.

    Predictions are unchanged if strength or reach is 0. The reach is D, or an RMS difference over the unknown
    scalars, which unlike D = rms/√S means the same at every image size; with neither it is unlimited.
    """

    eta: Annotated[float, Field(ge=0, allow_inf_nan=False, description="strength η, times t/T")]
    threshold: Annotated[float | None, Field(ge=0, description="reach D; null is unlimited")] = None
    rms: Annotated[float | None, Field(ge=0, description="reach as an RMS difference, D √S, instead of D")] = None

    needs = frozenset({"guidable"})
    couples = True

    def __post_init__(self) -> None:
        if self.threshold is not None and self.rms is not None:
            raise ValueError(f"threshold {self.threshold} and rms {self.rms} are two units of one reach: give one")

    def around(self, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        return sampler.run(replace(problem, guidance=self), noise)

    def __call__(self, x0: Tensor, items: Tensor, unknowns: Tensor, fraction: float) -> Tensor:
        """Return guided predictions, (B, *state); differentiable, with neighbours and reach as constants.

        Arguments:
            x0: clean predictions, (B, *state).
            items: long (B,), on the CPU; rows with the same number are samples of one item.
            unknowns: S, shape (), (1,) or (B,).
            fraction: t/T in [0, 1].
        """
        if self.eta == 0 or self.threshold == 0 or self.rms == 0:
            return x0
        neighbour, distance = _nearest(x0.detach(), items)
        # cast to x0's dtype first: a Python number times a bool mask is float32, whatever x0 is
        weight = (distance < self._reach(unknowns.to(distance))).to(x0) * (self.eta * fraction)
        return x0 + weight.view(-1, *[1] * (x0.ndim - 1)) * (x0 - x0[neighbour])

    def _reach(self, unknowns: Tensor) -> Tensor:
        """Return the reach S·D, or √S times the RMS difference; infinity if neither is given. Shape of ``unknowns``."""
        if self.rms is not None:
            return self.rms * unknowns.sqrt()
        return unknowns * (math.inf if self.threshold is None else self.threshold)


def _nearest(x0: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
    """Return index and distance, both (B,), of the nearest other row of the same item; (itself, infinity) if alone."""
    neighbour = torch.arange(len(x0), device=x0.device)
    distance = x0.new_full((len(x0),), math.inf)
    for rows in _groups(tuple(items.tolist()), x0.device):
        flat = x0[rows].flatten(2)
        between = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
        between.diagonal(dim1=1, dim2=2).fill_(math.inf)
        distance[rows], nearest = between.min(dim=2)
        neighbour[rows] = rows.gather(1, nearest)
    return neighbour, distance


@lru_cache(maxsize=16)
def _groups(items: tuple[int, ...], device: torch.device) -> list[Tensor]:
    """Return the rows of each item with several samples: one long (items, samples) per number of samples.

    Cached, since every step asks for it, and computing it on a GPU would synchronise.
    """
    rows: dict[int, list[int]] = {}
    for row, item in enumerate(items):
        rows.setdefault(item, []).append(row)
    sizes = sorted({len(group) for group in rows.values()} - {1})
    return [torch.tensor([g for g in rows.values() if len(g) == size], device=device) for size in sizes]
