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
    """Run ``work(*arguments)`` in helper processes while the block does the same here; yield whether there are helpers.

    There is one helper for each further GPU available to this process, up to ``gpus`` GPUs in all, and none without
    a GPU. The processes divide the threads, and share the items by claims
    (:meth:`posterity.jobs.resume.Parts.claim`). A helper may fail, or wait for a device that another job holds:
    this process makes every item that no helper makes. At the end of the block helpers are asked to stop after
    their current items; after an error they are killed.
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
    """Run as a helper process; errors are left to the first process, which meets and reports the same ones."""
    import torch

    torch.set_num_threads(threads)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the terminal sends Ctrl-C to all processes; only the first one handles it
    logging.basicConfig(level=logging.INFO, format=f"helper {number}: %(message)s")
    memory.keep()
    store.code.set(code)
    devices.choose(number, visible)
    with suppress(Again, PosterityError):
        work(*arguments)
