"""A progress bar in a terminal, nothing in a log (the stage writes a line a batch there)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from posterity.samplers.base import Watch

__all__ = ["steps"]


@contextmanager
def steps(name: str) -> Iterator[Watch]:
    """A ``watch`` that draws the bar of one batch."""
    from tqdm import tqdm

    with tqdm(desc=name, unit="step", leave=False, disable=None) as bar:

        def watch(step: int, total: int, x0: Any) -> None:  # noqa: ARG001 - the picture is for other watchers
            bar.total = total
            bar.update(step + 1 - bar.n)

        yield watch
