"""Fetches one declared asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity.assets.declared import parse
from posterity.assets.obtain import obtain
from posterity.errors import PosterityError

__all__ = ["run"]


def run(settings: dict[str, Any], *, output: Path) -> None:
    """Download ``settings["asset"]``, an entry of resources/assets.yaml with its name, to ``output``."""
    entry = settings.get("asset")
    if not isinstance(entry, dict) or not entry.get("name"):
        raise PosterityError(f"asset is {entry!r}, expected an entry of the asset list with its name")
    obtain(parse({entry["name"]: entry})[entry["name"]], Path(output))
