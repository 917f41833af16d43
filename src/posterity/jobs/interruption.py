"""Handle SIGTERM, after which a scheduler leaves a job some time to finish before it kills it."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from posterity.errors import Again

__all__ = ["between_items"]

_log = logging.getLogger(__name__)


@contextmanager
def between_items() -> Iterator[Callable[[str], None]]:
    """A function to call between two items, with what is done so far: it raises once SIGTERM has come.

    In a process that helps another one it also raises once that one has died.

    Within the block SIGTERM ends nothing by itself, so the item in hand is finished and saved first; nor
    does a second one, because SLURM sends several within a second. Outside the main thread, where Python
    hears no signals, it waits for none.

    Raises:
        Again: by the function, when the process was asked to end.
    """
    asked, helped = threading.Event(), multiprocessing.parent_process()

    def hear(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of handlers
        if not asked.is_set():
            asked.set()
            if helped is None:  # helpers are also asked when there is nothing left to do
                _log.info("asked to end: the item in hand is finished first")

    def pause(done: str) -> None:
        if asked.is_set() or (helped is not None and not helped.is_alive()):
            raise Again(f"ended on request after {done}; what is finished is kept, run the same command again")

    if threading.current_thread() is not threading.main_thread():
        yield pause
        return
    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield pause
    finally:
        signal.signal(signal.SIGTERM, before)
