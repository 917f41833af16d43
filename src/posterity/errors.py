"""The exceptions whose messages reach the user."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

__all__ = ["Again", "PosterityError", "meant"]


class PosterityError(Exception):
    """A mistake in the input, with a one-line message: the thing, its value, and what would be valid.

    The command line prints the message without a traceback and exits with code 2.
    """


class Again(PosterityError):
    """The job was asked to stop and has kept what it finished; it resumes when it is run again.

    The command line exits with code 75, ``EX_TEMPFAIL`` of sysexits.h, which mail systems and SLURM's
    ``RequeueExit`` know as "try again".
    """


def meant(given: object, valid: Collection[str]) -> str:
    """Return "; did you mean …?" if a valid name is close to ``given``, else ""."""
    if len(str(given)) > 100:
        return ""
    alike = {name.casefold(): name for name in valid}
    close = get_close_matches(str(given).casefold(), list(alike), n=1)
    return f"; did you mean {alike[close[0]]!r}?" if close else ""
