"""One number about a sampler and its verdict: the common contract of all statistics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Band", "Finding", "overall", "verdicts"]

LEVEL = 0.001
"""Probability, over the whole panel, that an exact sampler is called approximate."""
_WIDTH = 1.96


@dataclass(frozen=True)
class Finding:
    """A value with its error.

    Arguments:
        statistic: the file that computed it.
        part: which of its values: a direction, a level, a cell; "" for the whole.
        value: the value; None if it does not apply, in which case ``note`` says why.
        error: standard error; 0 if the value was computed without sampling.
        target: value for the exact posterior.
        margin: values this close to the target count as exact (an equivalence test).
        floor: the same number for exact draws through the same code, where it differs from the target.
        p: p-value of the hypothesis "within the margin", where it does not come from a normal law.
        trials: number of values of which this is the worst (a Bonferroni factor for p).
        decides: True if it counts in the verdict, False if it is only reported.
        note: explanation for people.
    """

    statistic: str
    part: str = ""
    value: float | None = None
    error: float | None = None
    target: float | None = None
    margin: float | None = None
    floor: float | None = None
    p: float | None = None
    trials: int = 1
    decides: bool = True
    note: str = ""

    @property
    def key(self) -> str:
        """Return the key under which an expectation is stored."""
        return f"{self.statistic}/{self.part}" if self.part else self.statistic

    @property
    def distance(self) -> float:
        """Return the distance from the target."""
        assert self.value is not None and self.target is not None
        return abs(self.value - self.target)

    @property
    def compared(self) -> float:
        """Return the value that a band is computed from.

        For the worst of several values the sign is dropped: when two are about equally far from the target on
        opposite sides, chance or the last bit decides which of them is the worst.
        """
        assert self.value is not None
        if self.trials == 1:
            return self.value
        assert self.target is not None
        return self.target + self.distance

    @property
    def surprise(self) -> float:
        """Return the two-sided p-value of a value this far outside the margin."""
        if self.p is not None:
            return self.p
        assert self.margin is not None and self.error is not None
        outside = self.distance - self.margin
        if outside <= 0:
            return 1.0
        p = math.erfc(outside / self.error / math.sqrt(2)) if self.error > 0 else 0.0
        return min(1.0, self.trials * p)

    @property
    def equivalent(self) -> bool:
        """True if the whole 95 % interval lies inside the margin."""
        assert self.margin is not None and self.error is not None
        return self.distance + _WIDTH * self.error <= self.margin


@dataclass(frozen=True)
class Band:
    """The range of a statistic of this sampler when its expectation was stored."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], errors: Sequence[float] = ()) -> Band:
        """Return mean ± 4 standard deviations of the values of several seeds, plus a relative 1e-5 for rounding.

        Few seeds estimate a deviation poorly, so it is taken as at least the largest of ``errors``.
        """
        middle = statistics.fmean(values)
        spread = max(statistics.stdev(values) if len(values) > 1 else 0.0, *errors, 0.0)
        half = 4 * spread + 1e-5 * max(1.0, abs(middle))
        return cls(middle - half, middle + half)


def verdicts(findings: Sequence[Finding], expected: Mapping[str, Band] | None = None) -> list[str]:
    """Return the verdict of each finding, in their order.

    exact: the interval lies inside the margin. open: neither inside nor, at 0.001 over the panel (Holm),
    outside; more draws would decide. approximate: outside. With a stored band: regressed or improved, if
    the value left it away from the target or towards it. reported: not counted. n/a: does not apply.
    """
    wrong = _rejected(findings)
    out = []
    for i, f in enumerate(findings):
        if f.value is None:
            out.append("n/a")
        elif not f.decides:
            out.append("reported")
        else:
            band = (expected or {}).get(f.key)
            plain = "approximate" if i in wrong else "exact" if f.equivalent else "open"
            out.append(plain if band is None else _against(f, band, plain))
    return out


def _rejected(findings: Sequence[Finding]) -> set[int]:
    """Return the indices that Holm's step-down procedure rejects among the findings that decide."""
    counted = [i for i, f in enumerate(findings) if f.decides and f.value is not None]
    out: set[int] = set()
    for rank, i in enumerate(sorted(counted, key=lambda i: findings[i].surprise)):
        if findings[i].surprise > LEVEL / (len(counted) - rank):
            break
        out.add(i)
    return out


def _against(finding: Finding, band: Band, plain: str) -> str:
    assert finding.value is not None and finding.target is not None
    # some stored bands of the worst of several values lie on the other side of the target
    seen = [finding.value] if finding.trials == 1 else [finding.compared, 2 * finding.target - finding.compared]
    if any(band.low <= value <= band.high for value in seen) or plain == "exact":
        return plain
    middle = (band.low + band.high) / 2
    return "regressed" if finding.distance > abs(middle - finding.target) else "improved"


def overall(each: Sequence[str]) -> str:
    """Return the verdict of a panel, the worst of ``each``."""
    for verdict in ("diverged", "regressed", "improved", "approximate", "open", "exact"):
        if verdict in each:
            return verdict
    return "reported" if "reported" in each else "n/a"
