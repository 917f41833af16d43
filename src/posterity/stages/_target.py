"""The target that metrics compare restorations with: the truth, and which of its entries were not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from posterity.artifacts import signals
from posterity.signals import Kind, find

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """One item's truth and the entries that its measurement hides.

    Arguments:
        kind: of the signal.
        truth: (*signal), or None if it is unknown.
        missing: bool, broadcastable to (*signal): true where the operator's mask hides; all true without a mask.
    """

    kind: Kind
    truth: Tensor | None
    missing: Tensor

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Build it from a row of the artifact "measurements"."""
        from safetensors.torch import load

        kind = find(row["signal_kind"], row["signal_rate"])
        truth = None if row["truth"] is None else signals.decode(row["truth"], f"the truth of {row['item']}")
        keep = load(row["parameters"]).get("keep") if row["parameters"] else None
        missing = torch.ones(tuple(row["signal_shape"]), dtype=torch.bool) if keep is None else keep[0] < 0.5
        return cls(kind, truth, missing)
