"""Progress bars in a terminal; logs get plain lines instead."""

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
    """Yield a ``watch`` that draws a progress bar for one batch; in a log the stage itself writes one line per batch.

    Without a terminal tqdm is not used, because forked processes share its lock: one that is killed while holding
    the lock would block the others for ever.
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
    """Yield a function to call ``total`` times, each time with what was just done."""
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
