"""The sampler's contract: problem and noise in, restorations and their measured cost out."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.base import Operator
from posterity.priors.base import Prior

__all__ = ["Cost", "Guidance", "Problem", "Sampler", "Samples", "Start", "Watch", "settings"]

Watch = Callable[[int, int, Tensor], None]
"""Called with (step, steps, clean prediction) after every step."""

Start = tuple[int, Tensor]
"""(time, x_t of shape (B, *signal)): where a late start begins."""


def settings(cls: type) -> Any:
    """Frozen dataclass whose fields pydantic validates: the one source of schema, ranges and docs."""
    return settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)


class Guidance(Protocol):
    """Pushes the clean predictions of one item's samples apart; see :mod:`posterity.guidance`."""

    def __call__(self, x0: Tensor, items: Tensor, unknowns: Tensor, fraction: float) -> Tensor:
        """(B, *signal) → (B, *signal); ``items`` (B,) groups rows, ``fraction`` is t/T in [0, 1]."""


@dataclass
class Cost:
    """What a run really did.

    Rows are counted, not calls: a call with eight particles for every restoration is eight evaluations of each.

    Arguments:
        restorations: B, among which the rows are shared out.
        forward_rows, backward_rows: rows that the network saw, and rows whose gradient was taken.
        decodes: of one restoration.
        seconds: of all.
        peak_bytes: of a GPU.
    """

    restorations: int = 0
    forward_rows: int = 0
    backward_rows: int = 0
    decodes: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def forwards(self) -> int:
        """Network evaluations of one restoration, the mean over all, rounded up."""
        return math.ceil(self.forward_rows / max(1, self.restorations))

    @property
    def backwards(self) -> int:
        """Gradients of one restoration, likewise."""
        return math.ceil(self.backward_rows / max(1, self.restorations))

    def add(self, other: Cost) -> None:
        """Counts the other restorations' too."""
        self.restorations += other.restorations
        self.forward_rows += other.forward_rows
        self.backward_rows += other.backward_rows
        self.decodes = max(self.decodes, other.decodes)
        self.seconds += other.seconds
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)


@dataclass
class Problem:
    """A batch of measurements to invert; its rows may belong to different items.

    Arguments:
        prior: the denoiser.
        operator: A, batched over the same rows as y.
        y: measurements, (B, *measurement).
        sigma_y: noise level in the units of x (range [-1, 1]), ≥ 0.
        items: long (B,), rows with the same number are samples of one item (guidance looks at these).
    """

    prior: Prior
    operator: Operator
    y: Tensor
    sigma_y: float
    items: Tensor
    cost: Cost = field(default_factory=Cost)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one signal."""
        return self.prior.signal_shape

    def denoise(self, x_t: Tensor, t: int) -> Tensor:
        """E[x0 | x_t] by the prior; the only place where network evaluations are made and counted."""
        self.cost.forward_rows += len(x_t)
        x0 = self.prior.denoise(x_t, t)
        if x0.requires_grad:
            x0.register_hook(self._count_backward)
        return x0

    def _count_backward(self, gradient: Tensor) -> None:
        self.cost.backward_rows += len(gradient)

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t of the prior's schedule, ᾱ_{-1} = 1."""
        return self.prior.schedule.alpha_bar(t)

    def residual(self, x0: Tensor) -> Tensor:
        """y - A(x0) where there is a measurement and 0 elsewhere, (B, *signal) → (B, *measurement)."""
        return self._measured - self.operator(x0)

    @cached_property
    def _measured(self) -> Tensor:
        return self.operator.where_measured(self.y) * self.y if "mask" in self.operator.has else self.y

    def guided(self, guidance: Guidance | None, x0: Tensor, fraction: float) -> Tensor:
        """x0 after the diversity guidance, or x0 itself without one (or at fraction 0)."""
        if guidance is None or fraction <= 0:
            return x0
        return guidance(x0, self.items, self.operator.unknowns, fraction)


@dataclass(frozen=True)
class Samples:
    """Restorations, (B, *signal) in [-1, 1] up to overshoot (never clamped here), and their cost."""

    x: Tensor
    cost: Cost


class Sampler(ABC):
    """A frozen dataclass of settings with one method, :meth:`sample`.

    ``needs`` names what the operator must have, out of ``Operator.has``, plus "posterior" (the
    prior's closed form), "noise" (σ_y > 0) and "noiseless" (σ_y = 0). ``guidable`` says whether
    there is a clean prediction that guidance can act on. ``follows`` says whether the points at which
    it asks the prior are meant to follow the law of x_t given y, so that `verify` can look at the way too.

    ``quick`` and ``standard`` are settings that the tiers of `verify` of these names give in place of the
    defaults, so that a slow sampler ends; the tests of the contract run it with ``quick``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    guidable: ClassVar[bool] = True
    follows: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    standard: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @abstractmethod
    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        """The algorithm box: returns the restorations, (B, *signal)."""

    def sample(
        self,
        problem: Problem,
        noise: Noise,
        *,
        start: Start | None = None,
        guidance: Guidance | None = None,
        watch: Watch | None = None,
    ) -> Samples:
        """Restores every row of ``problem``.

        Arguments:
            problem: what to invert.
            noise: normal draws for the same rows.
            start: (time, x) to begin late, at the first grid time ≤ ``time``.
            guidance: diversity guidance, applied at the place the method's source names.
            watch: called with (step, steps, clean prediction).
        """
        problem.cost = Cost(restorations=len(problem))
        began = time.perf_counter()
        with torch.no_grad():
            x = self.run(problem, noise, start, guidance, watch)
        problem.cost.seconds = time.perf_counter() - began
        if x.is_cuda:
            problem.cost.peak_bytes = torch.cuda.max_memory_allocated(x.device)
        return Samples(x, problem.cost)
