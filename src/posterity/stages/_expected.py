"""Reads and writes stored expectations: one file {method}.json per method, one entry per line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from posterity import json_reader
from posterity.artifacts import store
from posterity.certificates.expectations import Expectation, Key, parse
from posterity.errors import PosterityError

__all__ = ["load", "save"]

Known = Mapping[Key, Expectation]


def load(folder: Path, method: str) -> dict[Key, Expectation]:
    """Return the stored expectations of a method; none if there is no file."""
    path = folder / f"{method}.json"
    if not path.is_file():
        return {}
    try:
        return dict(parse(entry) for entry in json_reader.read(path)["entries"])
    except (json_reader.Unreadable, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.reason if isinstance(error, json_reader.Unreadable) else repr(error)
        raise PosterityError(f"{path} holds no expectations ({reason}); write it with --update-expectations") from error


def save(folder: Path, method: str, learned: Known) -> None:
    """Replace the learned entries and keep the others."""
    entries = {**load(folder, method), **learned}
    ordered = sorted(entries, key=lambda k: (k.tier, k.prior, k.dim, k.task, k.settings))
    lines = ",\n".join(json.dumps(entries[key].plain(key), ensure_ascii=False) for key in ordered)
    made = json.dumps(f"posterity verify {method} --update-expectations")
    store.write_bytes(folder / f"{method}.json", f'{{"made by": {made}, "entries": [\n{lines}\n]}}\n'.encode())
