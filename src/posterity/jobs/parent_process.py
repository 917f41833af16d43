"""Ends a job when the workflow that started it has ended.

A workflow that is killed leaves its jobs running as orphans, whose outputs nobody would record: a restarted workflow
may ask for the same output, see its own job fail, and take what the orphan writes later for the result of its own
settings. An orphan therefore stops as on SIGTERM, keeps its finished parts and does not publish its output.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from functools import cache
from pathlib import Path

from posterity.errors import Again, PosterityError

__all__ = ["VARIABLE", "ended", "follow", "waits_for"]

_log = logging.getLogger(__name__)

VARIABLE = "POSTERITY_WORKFLOW"
"""Environment variable with the workflow's process id; unset for commands that a user runs by hand."""
_PAUSE = 0.3
"""Seconds between checks."""


def follow() -> None:
    """Watch the workflow in a thread, and send this process a SIGTERM once the workflow has ended."""
    if VARIABLE not in os.environ:
        return
    ended()

    def look() -> None:
        wait = threading.Event()
        while not ended():
            wait.wait(_PAUSE)
        _log.info("the workflow that asked for this has ended")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


def waits_for(output: Path) -> None:
    """Raise Again if the workflow that asked for the output has ended."""
    if ended():
        raise Again(f"the workflow that asked for {output} has ended; finished parts are kept, run it again")


def ended() -> bool:
    """Return True if a workflow started this process and has ended."""
    if VARIABLE not in os.environ:
        return False
    if not os.environ[VARIABLE].isdecimal():
        raise PosterityError(f"{VARIABLE} is {os.environ[VARIABLE]!r}, expected the process id of a workflow")
    asked = int(os.environ[VARIABLE])
    return os.getppid() != asked if _child_of(asked) else not _exists(asked)


@cache
def _child_of(asked: int) -> bool:
    """Return True if process ``asked`` is this process's direct parent, without a shell in between that outlives it."""
    return os.getppid() == asked


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists but belongs to another user
        pass
    return True
