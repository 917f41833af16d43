"""Writes the exact posterior of every measurement: its modes with their probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages._origins import agree
from posterity.stages._settings import Posterior

if TYPE_CHECKING:
    from posterity.datasets.items import Outline

__all__ = ["rehearse", "run"]

_LEAST = 1e-4


def run(
    settings: dict[str, Any],
    *,
    items: Path,
    regions: Path,
    measurements: Path,
    output: Path,
    autoencoder: Path | None = None,
) -> None:
    """Write the artifact "posterior", every mode with probability over 1e-4.

    ``autoencoder`` has the weights of the prior's, where that is a network.
    """
    from posterity.priors.base import NoClosedForm
    from posterity.stages._problem import load

    how = Posterior.of(settings)
    agree(settings, items, regions, measurements)
    measured = load(how.prior.given, items, regions, measurements, autoencoder=autoencoder)
    try:
        exact = measured.prior.posterior(measured.operator, measured.y, measured.sigma_y)
    except NoClosedForm as error:
        raise PosterityError(f"prior {how.prior.name} on task {how.task}: {error}") from error
    evidences: list[float | None] = [None] * len(measured.items)
    with suppress(NoClosedForm):
        evidences = [v if math.isfinite(v) else None for v in exact.log_evidence.tolist()]
    key = {"dataset": how.dataset, "task": how.task, "prior": how.prior.name}
    rows = []
    for item, weights, evidence in zip(measured.items, exact.mode_probabilities, evidences, strict=True):
        shared = key | {"item": item, "log_evidence": evidence}
        rows += [shared | {"mode": int(k), "probability": float(weights[k])} for k in (weights > _LEAST).nonzero()]
    store.write(output, "posterior", rows, {"settings": settings})


def rehearse(prior: Mapping[str, Any], outline: Outline, size: int) -> None:
    """Check a closed-form prior's settings against the outline of a data set, which need not be on disk.

    Raises:
        PosterityError: if the data set lacks the split, attribute or regions that its settings name, or its autoencoder
            does not fit the signals.
    """
    import torch

    from posterity.priors import _settings, autoencoders

    labels = outline.labels
    rule = "uniform" if labels is None else prior.get("weights", "uniform")
    _settings.weights(
        rule, prior.get("split", "all"), labels or [{"split": split, "attributes": ()} for split in outline.splits]
    )
    if prior.get("mirror", False) and not outline.kind.flips:
        raise PosterityError(
            f"prior mirror: a mirrored {outline.kind.noun} is not a valid {outline.kind.noun}; set mirror: false"
        )
    if prior.get("covariance") == "toeplitz" and len(outline.shape(size)) != 2:
        raise PosterityError(
            f"prior covariance: toeplitz is for signals in time, not for {outline.kind.noun}s; use stationary or dense"
        )
    if "autoencoder" in prior:
        autoencoders.state_shape(prior["autoencoder"], outline.shape(size))
    if "regions" in prior:
        masks = {name: torch.from_numpy(inside) for name, inside in outline.regions(size).items()}
        _settings.partition(prior["regions"], masks)
