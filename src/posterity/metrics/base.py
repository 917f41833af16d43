"""The contract of metrics: a value, or the reason for its absence, per sample, set, pool or run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.signals import Kind

__all__ = ["Metric", "Pool", "PoolMetric", "Run", "RunMetric", "SampleMetric", "Scope", "SetMetric"]

Scope = Literal["sample", "set", "pool", "run"]
T = TypeVar("T")


@dataclass(frozen=True)
class Pool:
    """All samples of one measurement, and what is known about it.

    Arguments:
        kind: kind of the signals.
        x: samples, (N, *signal).
        count: metrics of samples and pools use the first ``count`` samples.
        missing: bool, broadcastable to (*signal); true at unmeasured entries.
        recorded: {column: value per sample} of the artifact "samples": lr_psnr, residual_rms, mode.
        truth: (*signal); None if unknown.
        exact: {mode: probability} of the exact posterior; empty if unknown.
        reference: exact draws, (M, *signal), if any.
        compared: pairwise distances use the first ``compared`` samples: all N for metrics of subsets.
        seed: seed for random metrics.
        file: returns the file of an asset.
    """

    kind: Kind
    x: Tensor
    count: int
    missing: Tensor
    recorded: Mapping[str, Sequence[Any]]
    file: Callable[[str], Path]
    truth: Tensor | None = None
    exact: Mapping[int, float] = field(default_factory=dict)
    reference: Tensor | None = None
    compared: int = 0
    seed: int = 0
    _kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, compute: Callable[[Pool], T]) -> T:
        """Return ``compute(self)``, cached under ``name`` for all metrics."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        kept: T = self._kept[name]
        return kept


@dataclass(frozen=True)
class Run:
    """All items restored by one sampler.

    Arguments:
        kind: kind of the signals.
        items: number of items.
        known: true if every item has a truth.
        samples: reads the first samples of every item, (items × count, *signal).
        truths: reads the truths, (items, *signal).
        file: returns the file of an asset; None if not fetched.
    """

    kind: Kind
    items: int
    known: bool
    samples: Callable[[], Tensor]
    truths: Callable[[], Tensor]
    file: Callable[[str], Path | None]


class Metric(ABC):
    """One metric; its name is its file name.

    ``scope`` is what a value belongs to. ``needs`` names requirements: "image" (defined for images only), "truth",
    "posterior" (the exact posterior's modes), "modes" (of the samples), "reference" (exact draws). ``asset`` names the
    file of weights in ``resources/assets.yaml``. ``least`` is (the least side of an image in pixels, the reason).
    """

    scope: ClassVar[Scope]
    needs: ClassVar[frozenset[str]] = frozenset()
    asset: ClassVar[str | None] = None
    least: ClassVar[tuple[int, str]] = (1, "")

    @property
    def name(self) -> str:
        """The file name."""
        return type(self).__module__.rpartition(".")[2]

    def undefined(self, kind: Kind, shape: Sequence[int] = ()) -> str | None:
        """Return why the metric is undefined for signals of this kind and ``shape`` (…, H, W); None if defined."""
        if kind.name != "image":
            said = f"N/A: {self.name} is a number about images, this is an {kind.noun}"
            return said if "image" in self.needs else None
        if not shape:
            return None
        (least, why), (height, width) = self.least, shape[-2:]
        return None if min(height, width) >= least else f"N/A: {why} {least} px, the image is {height}×{width}"

    def lacking(self, pool: Pool) -> str | None:
        """Return why this pool lacks the metric; None if it has it."""
        return self.undefined(pool.kind, pool.x.shape) or _lacking(
            self.needs,
            truth=pool.truth is not None,
            posterior=bool(pool.exact),
            modes=all(mode is not None for mode in pool.recorded.get("mode", [None])),
            reference=pool.reference is not None,
        )


class SampleMetric(Metric):
    """A number per sample; ``none`` is the reason given for a missing value."""

    scope = "sample"
    none: ClassVar[str] = "N/A: not defined for this sample"

    @abstractmethod
    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        """Return the values of the samples at indices ``places``; None or NaN where undefined."""


class SetMetric(Metric):
    """A number per set of shown samples; the first ``count`` of the pool are a set too.

    ``whole`` is true if the value depends on all samples of the pool.
    """

    scope = "set"
    whole: ClassVar[bool] = False

    @abstractmethod
    def value(self, pool: Pool, members: Sequence[int]) -> float | None:
        """Return the value of the samples at indices ``members``; None if undefined."""

    def unfit(self, pool: Pool, members: Sequence[int]) -> str | None:  # noqa: ARG002
        """Return why this set lacks the metric although its pool has it; None otherwise."""
        return None


class PoolMetric(Metric):
    """A number about the first ``count`` samples of a pool."""

    scope = "pool"

    @abstractmethod
    def value(self, pool: Pool) -> float | None:
        """Return the value; None if undefined."""


class RunMetric(Metric):
    """A number about all items together."""

    scope = "run"

    @abstractmethod
    def value(self, run: Run) -> float | None:
        """Return the value; None if undefined."""

    @abstractmethod
    def missing(self, run: Run) -> str | None:
        """Return why this run lacks the metric; None if it has it."""


_REASONS = {
    "truth": "N/A: the truth of this measurement is unknown",
    "posterior": "N/A: no exact posterior",
    "modes": "N/A: the samples carry no modes",
    "reference": "N/A: no exact samples to compare with",
}


def _lacking(needs: frozenset[str], **there: bool) -> str | None:
    return next((why for need, why in _REASONS.items() if need in needs and not there[need]), None)
