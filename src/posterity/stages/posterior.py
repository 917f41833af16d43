"""Writes the exact posterior of every measurement: its modes with their probabilities."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from posterity.artifacts import store
from posterity.errors import PosterityError

__all__ = ["run"]

_LEAST = 1e-4


def run(settings: dict[str, Any], *, items: Path, regions: Path, measurements: Path, output: Path) -> None:
    """Writes the artifact "posterior", every mode with probability over 1e-4."""
    from posterity.priors.base import NoClosedForm
    from posterity.stages._problem import load

    measured = load(settings, items, regions, measurements)
    try:
        exact = measured.prior.posterior(measured.operator, measured.y, measured.sigma_y)
    except NoClosedForm as error:
        raise PosterityError(f"prior {settings['prior']['name']} on task {settings['task']}: {error}") from error
    evidences: list[float | None] = [None] * len(measured.items)
    with suppress(NoClosedForm):
        evidences = [v if math.isfinite(v) else None for v in exact.log_evidence.tolist()]
    key = {"dataset": settings["dataset"], "task": settings["task"], "prior": settings["prior"]["name"]}
    rows = []
    for item, weights, evidence in zip(measured.items, exact.mode_probabilities, evidences, strict=True):
        shared = key | {"item": item, "log_evidence": evidence}
        rows += [shared | {"mode": int(k), "probability": float(weights[k])} for k in (weights > _LEAST).nonzero()]
    store.write(output, "posterior", rows, {"settings": settings})
