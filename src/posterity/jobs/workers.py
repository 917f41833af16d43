"""Runs several processes on the items of one output, each on a GPU of its own."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from posterity.artifacts import store
from posterity.errors import Again, PosterityError
from posterity.jobs import devices, memory

__all__ = ["crew"]

_log = logging.getLogger(__name__)


@contextmanager
def crew(gpus: int, work: Callable[..., object], *arguments: Any) -> Iterator[bool]:
    """Run ``work(*arguments)`` in further processes while the block does the same in this one; whether there are any.

    There is one for each GPU that this process may have beside its own, as far as ``gpus`` go, so none where there
    is no GPU. They divide its threads, and share the items by claims
    (:meth:`posterity.jobs.resume.Parts.claim`). Which of them fails, or waits for a device that another job has,
    does not matter: this one makes what nobody else makes. At the end of the block they are asked to end, and finish
    what they have in hand; after a mistake they are killed.
    """
    count = min(gpus, devices.places()) if gpus > 1 else 1
    if count < 2:
        yield False
        return
    import torch

    threads = max(1, torch.get_num_threads() // count)
    torch.set_num_threads(threads)
    given = (threads, devices.visible(), store.code.get(), work, arguments)
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(number, *given), daemon=True) for number in range(1, count)]
    for helper in helpers:
        helper.start()
    end = multiprocessing.process.BaseProcess.kill
    try:
        yield True
        end = multiprocessing.process.BaseProcess.terminate
    except Again:
        end = multiprocessing.process.BaseProcess.terminate
        raise
    finally:
        for helper in helpers:
            end(helper)
        for helper in helpers:
            helper.join()


def _help(
    number: int, threads: int, visible: Sequence[str], code: str, work: Callable[..., object], arguments: Sequence[Any]
) -> None:
    """Work as a further process; the first process meets the same mistakes and reports them."""
    import torch

    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them, the first one answers it
    logging.basicConfig(level=logging.INFO, format=f"helper {number}: %(message)s")
    memory.keep()
    store.code.set(code)
    devices.choose(number, visible)
    with suppress(Again, PosterityError):
        work(*arguments)
