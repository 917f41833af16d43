"""Rasterise SVG in a separate process, since the rasteriser crashes on a thousand nested groups."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import numpy as np

from posterity.datasets.items import Pixels
from posterity.errors import PosterityError

__all__ = ["Draw", "drawer"]

Draw = Callable[[bytes, int, str], Pixels]
"""(SVG, size in pixels, name for messages) → the drawing on white, (size, size, 3)."""
_SECONDS = 60.0
_BYTES = 4 << 30
"""Limits of one drawing: seconds, and bytes of memory."""


@contextmanager
def drawer() -> Iterator[Draw]:
    """Yield a function that draws; it raises PosterityError if an SVG cannot be drawn."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield lambda svg, size, name: _drawn(ours, svg, size, name)
    finally:
        ours.close()
        process.kill()
        process.join()


def _drawn(channel: Connection, svg: bytes, size: int, name: str) -> Pixels:
    from posterity import picture_reader

    try:
        channel.send((svg, size))
        if not channel.poll(_SECONDS):
            raise PosterityError(f"{name} cannot be drawn within {_SECONDS:g} s")
        answer = channel.recv()
    except (EOFError, OSError) as error:  # the process has ended
        raise PosterityError(f"{name} cannot be drawn: it is too deep or too large for the rasteriser") from error
    if isinstance(answer, str):
        raise PosterityError(f"{name} cannot be drawn ({answer})")
    return np.array(picture_reader.read(answer, name))


def _serve(channel: Connection) -> None:
    """Answer each request with a PNG or an error message."""
    import resvg_py

    _bound()
    with suppress(EOFError, OSError):
        while True:
            svg, size = channel.recv()
            try:
                # UnicodeDecodeError is a ValueError
                png = resvg_py.svg_to_bytes(
                    svg_string=svg.decode(), width=size, height=size, background="white", skip_system_fonts=True
                )
                channel.send(bytes(png))
            except Exception as error:
                channel.send(" ".join(str(error).split()) or type(error).__name__)


def _bound() -> None:
    """Limit this process's memory, and silence it: the parent process reports its end."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
