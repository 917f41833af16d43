"""Labels from scores: thresholds, and balanced accuracy with an interval over records."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RULES", "balanced_accuracy", "interval", "threshold"]

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.bool_]
RULES = ("youden", "f1")
"""Criteria that a threshold can maximise: Youden's index (sensitivity + specificity - 1), or F1."""
_REPLICATES = 1000


def threshold(scores: Array, labels: Labels, rule: str = "youden") -> float:
    """Return the score from which on a record is called positive, so that the rule's value is largest.

    It lies half-way between two scores that occur, or beyond the lowest or the highest; of equals it is the lowest.

    Arguments:
        scores: (records,), without NaN.
        labels: (records,), with both values.
        rule: one of ``RULES``.
    """
    ordered = np.unique(scores)
    between = np.concatenate([[ordered[0] - 1], (ordered[1:] + ordered[:-1]) / 2, [ordered[-1] + 1]])
    called = scores >= between[:, None]
    if rule == "youden":
        gain = called[:, labels].mean(1) - called[:, ~labels].mean(1)
    else:
        gain = 2 * called[:, labels].sum(1) / (called.sum(1) + labels.sum())
    return float(between[gain.argmax()])


def balanced_accuracy(called: Labels, labels: Labels) -> float:
    """Return the mean of sensitivity and specificity; NaN without a positive or a negative."""
    if labels.all() or not labels.any():
        return float("nan")
    return float((called[labels].mean() + (~called[~labels]).mean()) / 2)


def interval(called: Labels, labels: Labels, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the balanced accuracy over records, the thresholds held."""
    drawn = rng.integers(len(labels), size=(_REPLICATES, len(labels)))
    values = [balanced_accuracy(called[chosen], labels[chosen]) for chosen in drawn]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
