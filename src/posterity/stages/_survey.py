"""Runs all samplers on all cases of `verify`, several cases in parallel."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

from posterity.certificates import panel, remarks
from posterity.certificates.cases import Case, tasks
from posterity.certificates.expectations import Expectation, Key
from posterity.certificates.panel import Certificate
from posterity.errors import PosterityError
from posterity.jobs import memory
from posterity.stages import _user_file
from posterity.stages._subjects import Subject, subject

__all__ = ["Found", "Name", "Work", "places", "subjects", "survey", "work"]

Known = Mapping[Key, Expectation]
Found = tuple[Key, list[Certificate]]
"""The subject that was examined, and its certificate for every seed."""
Name = tuple[str, str, str, str]
"""(sampler, settings as canonical JSON, prior, task)."""
_LOOK = 1.0
"""Seconds between checks for a failed process."""


def subjects(settings: Mapping[str, Any]) -> list[Subject]:
    """Return the samplers that ``settings`` names."""
    return [subject(entry, settings["tier"], settings["dim"] is not None) for entry in settings["samplers"]]


def places(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (prior, task) for the named tasks that each prior has; a toy problem always has its own single task."""
    if settings["dim"] is not None:
        return [(prior, "dense") for prior in settings["priors"]]
    return [(prior, task) for prior in settings["priors"] for task in tasks(prior) if task in settings["tasks"]]


@dataclass(frozen=True)
class Work:
    """All samplers on one prior and task except those ``finished``; the other fields are as in :func:`work`."""

    settings: Mapping[str, Any]
    place: tuple[str, str]
    seeds: Sequence[int]
    known: Known
    compare: bool
    finished: frozenset[Name]

    @property
    def left(self) -> list[Subject]:
        """Return the samplers still to be examined."""
        return [s for s in subjects(self.settings) if (s.name, s.settings, *self.place) not in self.finished]


def work(
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    known: Known,
    *,
    compare: bool = True,
    finished: Collection[Name] = (),
) -> list[Work]:
    """Return the work to do, in the order of :func:`places`.

    Arguments:
        settings: of the stage.
        seeds: each seed gives one case with its own noise.
        known: stored expectations.
        compare: whether values are compared with the expectations' bands.
        finished: names to skip.
    """
    out = [Work(settings, place, seeds, known, compare, frozenset(finished)) for place in places(settings)]
    return [one for one in out if one.left]


def survey(work: Sequence[Work], jobs: int) -> Iterator[Found]:
    """Examine ``jobs`` places at a time, each in its own process (in this one if 1); yield results as they finish."""
    memory.keep()
    if min(jobs, len(work)) <= 1:
        for one in work:
            yield from _examine(one)
        return
    yield from _together(work, jobs)


def _together(work: Sequence[Work], jobs: int) -> Iterator[Found]:
    """Examine several places in parallel; interrupting this process ends the others too."""
    context = get_context("spawn")
    queue = context.Queue()
    with ProcessPoolExecutor(min(jobs, len(work)), context, _begin, (queue,)) as pool:
        try:
            with _deaf():
                futures = [pool.submit(_put_all, one) for one in work]
            missing = sum(len(one.left) for one in work)
            while missing:
                try:
                    yield queue.get(timeout=_LOOK)
                    missing -= 1
                except Empty:
                    for future in futures:
                        if future.done():
                            future.result()  # re-raises an exception from the worker
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: the terminal sends it to all of them, but only the parent handles it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_found: Queue[Found] | None = None
"""In a worker process: the queue that it puts its results in."""


def _begin(queue: Queue[Found]) -> None:
    """Initialise a worker with a single thread: the processes share the cores, so more threads would only compete."""
    import torch

    global _found
    _found = queue
    memory.keep()
    torch.set_num_threads(1)


def _put_all(work: Work) -> None:
    parent = multiprocessing.parent_process()
    assert _found is not None and parent is not None
    for found in _examine(work):
        _found.put(found)
        if not parent.is_alive():  # the parent reads no further
            return


def _examine(work: Work) -> Iterator[Found]:
    """Examine all samplers on one prior and task."""
    tier, dim = work.settings["tier"], work.settings["dim"]
    cases = [panel.case(*work.place, tier, seed=seed, dim=dim) for seed in work.seeds]
    for one in work.left:
        about = (work.place[0], cases[0].task_name, cases[0].instances[0].dim, tier)
        key = Key(one.name, one.settings, *about)
        yield key, [_certify(one, case, key, seed, work) for case, seed in zip(cases, work.seeds, strict=True)]


def _certify(one: Subject, case: Case, key: Key, seed: int, work: Work) -> Certificate:
    asked = one.stored(key)
    expected = work.known[asked].bands if work.compare and asked in work.known else None
    # these values are about to be stored as the expectations
    stored = {b for k, e in work.known.items() if k.sampler == asked.sampler for b in e.bands}
    known = remarks.known(stored) if work.compare else frozenset({"spread"})
    try:
        return panel.certify(one.name, one.sampler, case, key.tier, seed=seed, expected=expected, known=known)
    except Exception as error:
        if one.file is None or isinstance(error, PosterityError):
            raise
        raise PosterityError(_user_file.where(error, one.file)) from error
