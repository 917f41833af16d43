"""The workflow that asked for a job, as long as it lives.

One that is killed leaves its jobs behind. What such an orphan would write is noted by nobody: a workflow that is
started again may ask for the same, see that job fail, and take what the orphan writes afterwards for a result whose
settings it knows. So an orphan ends as on SIGTERM, with what it has finished, and gives no output its name.
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
"""Where a workflow tells its jobs its process id; a command that a person gave has none, and nobody to outlive."""
_PAUSE = 0.3
"""Seconds between two looks."""


def follow() -> None:
    """Send this process a SIGTERM once its workflow has ended."""
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
    """Raise Again when the workflow that asked for the output has ended."""
    if ended():
        raise Again(f"the workflow that asked for {output} has ended; what is finished is kept, run it again")


def ended() -> bool:
    """True if there was a workflow and there is none any more."""
    if VARIABLE not in os.environ:
        return False
    if not os.environ[VARIABLE].isdecimal():
        raise PosterityError(f"{VARIABLE} is {os.environ[VARIABLE]!r}, expected the process id of a workflow")
    asked = int(os.environ[VARIABLE])
    return os.getppid() != asked if _child_of(asked) else not _exists(asked)


@cache
def _child_of(asked: int) -> bool:
    """True if the workflow has started this process itself, without a shell in between that outlives it."""
    return os.getppid() == asked


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True
