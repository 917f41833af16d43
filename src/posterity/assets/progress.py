"""Progress of a download: a bar in a terminal, a line per tenth in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of bytes present so far, out of ``size``."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(name, total=size)
            yield lambda done: bar.update(task, completed=done)
        return
    told = -1

    def line(done: int) -> None:
        nonlocal told
        tenth = 10 * done // size
        if tenth > told:
            told = tenth
            print(f"{name}: {min(done, size) / 1e6:.1f} of {size / 1e6:.1f} MB", file=sys.stderr, flush=True)

    yield line
