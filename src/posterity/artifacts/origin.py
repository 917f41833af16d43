"""Record how a file of the workflow was made, inside it or in a hidden file beside it.

Artifacts hold the record in their metadata. Figures, pages, networks and fetched files have no room for it, so theirs
is in ``.NAME.made.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity import json_reader
from posterity.artifacts.identity import identity
from posterity.errors import PosterityError

__all__ = ["CARD", "again", "changed", "note", "recorded"]

CARD = "card.json"
"""Files beside the weights of a network that belong to them."""


def note(path: Path, settings: Mapping[str, Any]) -> None:
    """Record beside a finished file how it was made, if the file cannot hold that itself."""
    from posterity.artifacts import store

    if path.suffix != ".parquet" and path.exists():
        about = {"origin": {"settings": settings}, **store.ran()}
        store.write_bytes(_beside(path), json.dumps(about, sort_keys=True, ensure_ascii=False).encode())
    again(path).unlink(missing_ok=True)


def recorded(path: Path) -> dict[str, Any]:
    """Return the file's own record of how it was made; empty if it is absent or unreadable."""
    from posterity.artifacts import store

    if not path.exists():
        return {}
    try:
        about = store.provenance(path) if path.suffix == ".parquet" else json_reader.read(_beside(path))
    except PosterityError:
        return {}
    return about if isinstance(about, dict) else {}


def changed(about: Mapping[str, Any]) -> list[str]:
    """Return the inputs whose content has changed since the artifact was made, ignoring those that no longer exist."""
    inputs = about.get("inputs")
    known = inputs.items() if isinstance(inputs, Mapping) else ()
    return [path for path, was in known if Path(path).exists() and identity(Path(path)) != was]


def again(path: Path) -> Path:
    """Return the path of the marker that makes the next run remake a file that was deleted as damaged."""
    return path.with_name(f".{path.name}.again")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.made.json")
