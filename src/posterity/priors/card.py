"""card.json, which describes the weights in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity import json_reader
from posterity.errors import PosterityError

__all__ = ["beside", "require_same"]


def beside(weights: Path, absent: str) -> Any:
    """Read the card in the folder of ``weights``.

    Arguments:
        weights: the file that the card describes.
        absent: what the error says after "does not exist; ".

    Raises:
        PosterityError: if either file is absent, or the card cannot be read.
    """
    if not weights.is_file():
        raise PosterityError(f"{weights} does not exist; {absent}")
    path = weights.with_name("card.json")
    try:
        return json_reader.read(path)
    except json_reader.Unreadable as error:
        raise PosterityError(f"{path}, which must say what {weights.name} is, {error.reason}") from error


def require_same(weights: Path, card: Mapping[str, Any]) -> None:
    """Refuse ``weights`` whose SHA-256 is not the one that their card tells.

    Raises:
        PosterityError: with the first digits of both.
    """
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != card["weights"].get("sha256"):
        raise PosterityError(
            f"{weights} is not the file that its card.json describes: SHA-256 {found[:12]}…, "
            f"expected {str(card['weights'].get('sha256'))[:12]}…"
        )
