"""Classifier two-sample test: the accuracy of a classifier on draws against exact draws; 0.5 is chance.

The classifier is scikit-learn's ``HistGradientBoostingClassifier`` (60 trees of depth 3, five folds) on the
coordinates along the exact eigendirections, each divided by its exact standard deviation, and on their squared
norm, without which trees hardly detect an error of the spread. Harmless errors in nearly closed directions
saturate the accuracy at 1, so directions narrower than 1/20 of the widest are left out of the verdict.
"""

from __future__ import annotations

import math

import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from torch import Tensor

from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import mean

__all__ = ["examine"]

MARGIN = 0.05
NARROW = 0.05
INSTANCES = 4
DRAWS = 2000
"""Largest number of draws that a classifier is trained on."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the held-out accuracy on the wide directions, and on all directions."""
    pools = evidence.deep[:INSTANCES]
    if not pools:
        return [Finding("c2st", note="needs a measurement that is looked at in depth")]
    out = []
    for part, narrow in (("wide directions", NARROW), ("all directions", 0.0)):
        scores = torch.tensor([_accuracy(p, narrow, evidence.seed) for p in pools], dtype=torch.float64)
        least = math.sqrt(0.25 / (2 * min(DRAWS, pools[0].draws)) / len(pools))
        value, error = mean(scores, least)
        out.append(Finding("c2st", part, value, error, 0.5, MARGIN, decides=narrow > 0, note="gradient-boosted trees"))
    return out


def _accuracy(pools: Pools, narrow: float, seed: int) -> float:
    deviations = pools.variances[0].sqrt()
    seen = deviations > narrow * deviations.max()
    directions = pools.directions[:, seen] / deviations[seen]

    def features(x: Tensor) -> Tensor:
        z = ((x[0, :DRAWS] - pools.instance.exact.mean[0]) @ directions).clamp(-50, 50)
        return torch.cat([z, z.square().sum(1, keepdim=True)], dim=1)

    ours, exact = features(pools.x), features(pools.exact("c2st"))
    labels = torch.cat([torch.zeros(len(ours)), torch.ones(len(exact))])
    model = HistGradientBoostingClassifier(max_iter=60, max_depth=3, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return float(cross_val_score(model, torch.cat([ours, exact]).numpy(), labels.numpy(), cv=folds).mean())
