"""card.json, which describes the weights in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity import json_reader
from posterity.errors import PosterityError

__all__ = ["beside", "other_states", "require_same"]


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
    """Refuse ``weights`` whose SHA-256 differs from that in their card.

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


def other_states(card: Mapping[str, Any], autoencoder: Mapping[str, Any]) -> str | None:
    """Return why a network's states are not those of an autoencoder, in words; None if they are, or cards don't say.

    Arguments:
        card: of the network; its ``autoencoder`` has the SHA-256 of the autoencoder that it was trained with.
        autoencoder: card of the autoencoder.
    """
    about, weights = card.get("autoencoder"), autoencoder.get("weights")
    wanted = about.get("sha256") if isinstance(about, dict) else None
    found = weights.get("sha256") if isinstance(weights, dict) else None
    if None in (wanted, found) or wanted == found:
        return None
    return f"trained on states of an autoencoder with SHA-256 {str(wanted)[:12]}…, not {str(found)[:12]}…"
