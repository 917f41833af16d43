"""Refuses requests that no participant's browser sends: floods, long messages, messages from other sites."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request

__all__ = ["MOST_BYTES", "Bucket", "Refused", "message"]

MOST_BYTES = 4096
"""Maximum bytes of a message; the page sends a few hundred."""
_ADDRESSES = 10_000
"""Maximum number of addresses remembered."""
_TEXT = 200
"""Maximum number of letters of a text in a message."""


class Refused(Exception):
    """A refused request.

    Arguments:
        status: HTTP status code.
        reason: one line for the sender.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class Bucket:
    """A token bucket per address: ``burst`` requests at once, and ``rate`` per second after that."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, address: str) -> None:
        """Count a request.

        Raises:
            Refused: with status 429 if there have been too many.
        """
        now = self.clock()
        left, then = self._left.pop(address, (self.burst, now))
        left = min(self.burst, left + self.rate * (now - then))
        self._left[address] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        if left < 1:
            raise Refused(429, "too many requests; wait a moment")


async def message(request: Request) -> dict[str, object]:
    """Return the JSON object in a request.

    Raises:
        Refused: if it is from another site, too long or malformed.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Refused(403, "this message comes from another site")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "a message is application/json")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(413, f"a message has {MOST_BYTES} bytes at most")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "this message is no JSON") from None
    if not isinstance(found, dict) or any(isinstance(v, dict | list) for v in found.values()):
        raise Refused(400, "a message is an object of texts and numbers")
    if any(isinstance(v, str) and (len(v) > _TEXT or not v.isprintable()) for v in found.values()):
        raise Refused(400, f"a text has {_TEXT} printable letters at most")
    return found
