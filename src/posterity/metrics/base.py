"""The contract of metrics: a value, or the reason why there is none, for a sample, a set, a pool or a whole run."""

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
    """All samples of one measurement and what is known of it.

    Arguments:
        kind: of the signals.
        x: samples (N, *signal).
        count: metrics of samples and pools look at the first ``count`` of them.
        missing: bool, broadcastable to (*signal); true where nothing was measured.
        recorded: {column: value per sample} of the artifact "samples": lr_psnr, residual_rms, mode.
        truth: (*signal); None where nobody knows it.
        exact: {mode: probability} of the exact posterior; empty where it is not known.
        reference: exact draws (M, *signal), if there are any.
        compared: the first samples whose pairwise distances are needed: all N for metrics of subsets.
        seed: of metrics that draw.
        file: finds the file of an asset.
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
        """Return ``compute(self)``, computed once for all metrics that ask for it under this name."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        kept: T = self._kept[name]
        return kept


@dataclass(frozen=True)
class Run:
    """All items that one sampler restored.

    Arguments:
        kind: of the signals.
        items: how many.
        known: true if every item has a truth.
        samples: reads the first samples of every item, (items × count, *signal).
        truths: reads the truths, (items, *signal).
        file: finds the file of an asset; None for one that was not fetched.
    """

    kind: Kind
    items: int
    known: bool
    samples: Callable[[], Tensor]
    truths: Callable[[], Tensor]
    file: Callable[[str], Path | None]


class Metric(ABC):
    """One metric; its name is that of its file.

    ``scope`` says what has one value, ``needs`` what must be there: "image" (no other kind of signal has the metric),
    "truth", "posterior" (the exact one's modes), "modes" (of the samples), "reference" (exact draws).
    ``asset`` names the file of weights in ``resources/assets.yaml``; ``least`` is the shortest side in pixels of an
    image that has the metric, and what asks for it.
    """

    scope: ClassVar[Scope]
    needs: ClassVar[frozenset[str]] = frozenset()
    asset: ClassVar[str | None] = None
    least: ClassVar[tuple[int, str]] = (1, "")

    @property
    def name(self) -> str:
        """The name of the file."""
        return type(self).__module__.rpartition(".")[2]

    def undefined(self, kind: Kind, shape: Sequence[int] = ()) -> str | None:
        """Return why signals of this kind, of ``shape`` (…, H, W), have no such metric; None where they have one."""
        if kind.name != "image":
            said = f"N/A: {self.name} is a number about images, this is an {kind.noun}"
            return said if "image" in self.needs else None
        if not shape:
            return None
        (least, why), (height, width) = self.least, shape[-2:]
        return None if min(height, width) >= least else f"N/A: {why} {least} px, the image is {height}×{width}"

    def lacking(self, pool: Pool) -> str | None:
        """Return why this pool has no such metric; None where it has one."""
        return self.undefined(pool.kind, pool.x.shape) or _lacking(
            self.needs,
            truth=pool.truth is not None,
            posterior=bool(pool.exact),
            modes=all(mode is not None for mode in pool.recorded.get("mode", [None])),
            reference=pool.reference is not None,
        )


class SampleMetric(Metric):
    """A number about every sample; ``none`` is the reason of a value that is None."""

    scope = "sample"
    none: ClassVar[str] = "N/A: not defined for this sample"

    @abstractmethod
    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        """Return the values of the samples at ``places``; None or NaN where a sample has none."""


class SetMetric(Metric):
    """A number about the samples that are shown; the first ``count`` of the pool are a set, too.

    ``whole`` is true where the value depends on all samples of the pool.
    """

    scope = "set"
    whole: ClassVar[bool] = False

    @abstractmethod
    def value(self, pool: Pool, members: Sequence[int]) -> float | None:
        """Return the value of the set of samples at the places ``members``; None where it has none."""

    def unfit(self, pool: Pool, members: Sequence[int]) -> str | None:  # noqa: ARG002
        """Return why this set has no such metric although its pool has; None where it has one."""
        return None


class PoolMetric(Metric):
    """A number about the first ``count`` samples of a pool."""

    scope = "pool"

    @abstractmethod
    def value(self, pool: Pool) -> float | None:
        """Return the value; None where there is none."""


class RunMetric(Metric):
    """A number about all items together."""

    scope = "run"

    @abstractmethod
    def value(self, run: Run) -> float | None:
        """Return the value; None where there is none."""

    @abstractmethod
    def missing(self, run: Run) -> str | None:
        """Return why this run has no such metric; None where it has one."""


_REASONS = {
    "truth": "N/A: nobody knows the truth of this measurement",
    "posterior": "N/A: no exact posterior",
    "modes": "N/A: the samples carry no modes",
    "reference": "N/A: no exact samples to compare with",
}


def _lacking(needs: frozenset[str], **there: bool) -> str | None:
    return next((why for need, why in _REASONS.items() if need in needs and not there[need]), None)
