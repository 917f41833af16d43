"""Handle SIGTERM, which a scheduler sends some time before it kills a job."""

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
    """Yield a function to call between two items with a description of the progress; it raises after a SIGTERM.

    In a helper process it also raises if the parent has died.

    Within the block SIGTERM does not end the process, so the current item is finished and saved first; nor
    does a second one, because SLURM sends several within a second. Outside the main thread, where Python
    handles no signals, the block does nothing.

    Raises:
        Again: raised by the function if the process was asked to stop.
    """
    asked, helped = threading.Event(), multiprocessing.parent_process()

    def hear(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of handlers
        if not asked.is_set():
            asked.set()
            if helped is None:  # helpers are also signalled when there is nothing left to do
                _log.info("asked to stop: the current item is finished first")

    def pause(done: str) -> None:
        if asked.is_set() or (helped is not None and not helped.is_alive()):
            raise Again(f"stopped on request after {done}; finished parts are kept, run the same command again")

    if threading.current_thread() is not threading.main_thread():
        yield pause
        return
    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield pause
    finally:
        signal.signal(signal.SIGTERM, before)
