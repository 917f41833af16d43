"""Tables: each one file, found by its name, that turns artifacts into cells."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from posterity.tables.cells import Cell
    from posterity.tables.frames import Frames

__all__ = ["NAMES", "Table", "find"]

NAMES = (
    "answers", "super_resolution", "inpainting", "eta_sweep", "threshold_sweep", "subsets", "exact_posterior",
    "guidance", "quality", "restoration", "cost", "kurtosis", "toy_distance", "toy_sweeps", "flash", "vipaint",
)  # fmt: skip
"""Tables that can be named in a configuration."""


class Table(Protocol):
    """What a table's module holds: the names of a row's parts, words for people, and the cells."""

    ROWS: Sequence[str]
    TITLE: str
    CAPTION: str

    def cells(self, frames: Frames) -> list[Cell]:
        """Return all cells, row by row."""


def find(name: str) -> Table:
    """Return the module of a table.

    Raises:
        KeyError: when there is no such table.
    """
    if name not in NAMES:
        raise KeyError(name)
    module: Table = importlib.import_module(f"{__name__}.{name}")  # type: ignore[assignment]
    return module
