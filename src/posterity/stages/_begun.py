"""Reads where the wrapper Flash starts; apart from the stage that writes it, whose edits must not rerun sampling."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.samplers.severity import Severity

__all__ = ["read"]


def read(path: Path, name: str, items: list[str], like: Tensor) -> Severity:
    """Return the severity of these items, with estimates on the device and in the precision of ``like``.

    Raises:
        PosterityError: if the file holds another severity or lacks an item.
    """
    rows = {row["item"]: row for row in store.read(path, "severity").to_pylist()}
    if others := sorted({row["severity"] for row in rows.values()} - {name}):
        raise PosterityError(f"{path} is of severity {others[0]!r}, but flash begins by {name!r}")
    if lacking := [item for item in items if item not in rows]:
        raise PosterityError(f"{path} lacks item {lacking[0]}")
    estimates = [torch.tensor(rows[item]["z_hat"]).reshape(rows[item]["z_shape"]) for item in items]
    variances = torch.tensor([rows[item]["v_hat"] for item in items], dtype=torch.float64)
    return Severity(torch.stack(estimates).to(like), variances.to(like.device))
