"""Runs the web server until it is stopped."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from posterity.errors import PosterityError
from posterity.study.served.desk import Desk

__all__ = ["listen", "run"]

_AT_ONCE = 500
"""Maximum number of connections; further ones are asked to retry."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address.

    Raises:
        PosterityError: if it is unavailable, for example because another program listens there.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, proto)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PosterityError(f"port {port} of {host} is in use; name another with --port, or 0 for any") from error
        if error.errno == errno.EACCES:
            raise PosterityError(f"port {port} of {host} is for the administrator; name one from 1024 on") from error
        raise PosterityError(f"cannot listen at {host}, port {port} ({error.strerror or error})") from error
    return found


def run(desks: Sequence[Desk], at: socket.socket) -> None:
    """Serve studies at a socket of :func:`listen` until SIGINT or SIGTERM."""
    import uvicorn

    from posterity.study.served.app import application

    config = uvicorn.Config(
        application(desks), log_level="warning", access_log=False, server_header=False, limit_concurrency=_AT_ONCE,
        timeout_keep_alive=10, timeout_graceful_shutdown=5, lifespan="off",
    )  # fmt: skip
    try:
        uvicorn.Server(config).run(sockets=[at])
    finally:
        for desk in desks:
            desk.book.close()
