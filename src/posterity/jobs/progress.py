"""Progress: a bar in a terminal; a log has plain lines instead."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from posterity.samplers.base import Watch

__all__ = ["jobs", "steps"]

_log = logging.getLogger(__name__)


@contextmanager
def steps(name: str) -> Iterator[Watch]:
    """A ``watch`` that draws the bar of one batch; the stage writes a line a batch into a log.

    Without a terminal tqdm is left alone, because forked processes share its lock: one that is killed while it holds
    the lock would stop the others for ever.
    """
    if not sys.stderr.isatty():
        yield lambda step, total, x0: None  # noqa: ARG005 - the signature of watchers
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="step", leave=False) as bar:

        def watch(step: int, total: int, x0: Any) -> None:  # noqa: ARG001 - the picture is for other watchers
            bar.total = total
            bar.update(step + 1 - bar.n)

        yield watch


@contextmanager
def jobs(total: int) -> Iterator[Callable[[str], None]]:
    """A function that is told, ``total`` times, what was done."""
    from tqdm import tqdm

    with tqdm(
        total=total, leave=False, disable=None, bar_format="{n_fmt}/{total_fmt} {bar:30} {elapsed}, {remaining} left"
    ) as bar:

        def done(what: str) -> None:
            if bar.disable:
                _log.info("%s", what)
            else:
                bar.write(what, file=sys.stderr)
            bar.update()

        yield done
