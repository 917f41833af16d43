"""The severity of a degradation: an estimate of the state, and the variance of its error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["Severity"]


@dataclass(frozen=True)
class Severity:
    """Estimates of the states from the measurements alone, before any sampling.

    Arguments:
        estimate: ẑ, (B, *state).
        variance: v̂ ≥ 0, the error's variance averaged over the entries of a state, (B,); infinite if unknown.
    """

    estimate: Tensor
    variance: Tensor

    def __post_init__(self) -> None:
        if self.variance.shape != self.estimate.shape[:1]:
            raise PosterityError(
                f"a severity has one variance per estimate, not {tuple(self.variance.shape)} for "
                f"{tuple(self.estimate.shape)}"
            )
        if not bool((self.variance >= 0).all()):
            raise PosterityError(f"a severity's variance is {float(self.variance.min()):g}, expected 0 or more")

    def rows(self, index: Tensor) -> Severity:
        """Return the severity of rows ``index`` (long (n,), may repeat)."""
        return Severity(self.estimate[index], self.variance[index])
