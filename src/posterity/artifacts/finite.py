"""Keeps NaN and infinity out of artifacts: a non-finite number becomes null with a reason, or is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from posterity.errors import PosterityError

__all__ = ["finite"]

_REASONS = ("note", "reason")


def finite(row: Mapping[str, Any], schema: pa.Schema, what: object) -> dict[str, Any]:
    """Return the row with null for every number that is not finite, and the reason in its "note" or "reason".

    Raises PosterityError, naming ``what``, if the schema has no such column or an array holds a non-finite number.
    """
    out = dict(row)
    bad = {name: out[name] for name in _floats(schema) if not _is_finite(out.get(name))}
    if not bad:
        return out
    said = "; ".join(f"{name} is {_shown(value)}" for name, value in bad.items())
    place = next((name for name in _REASONS if name in schema.names), None)
    if place is None or any(pa.types.is_list(schema.field(name).type) for name in bad):
        about = ", ".join(f"{k} {v}" for k, v in out.items() if isinstance(v, str | int) and not isinstance(v, bool))
        raise PosterityError(f"{what} cannot hold a number that is not finite: {said} ({about[:200]})")
    return out | dict.fromkeys(bad) | {place: "; ".join(filter(None, (out.get(place), f"N/A: {said}")))}


def _floats(schema: pa.Schema) -> list[str]:
    return [f.name for f in schema if pa.types.is_floating(f.type.value_type if pa.types.is_list(f.type) else f.type)]


def _is_finite(value: Any) -> bool:
    if value is None or isinstance(value, int | float):
        return value is None or math.isfinite(value)
    return bool(np.isfinite(np.asarray(value, dtype=float)).all())


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else "an array with NaN or infinity"
