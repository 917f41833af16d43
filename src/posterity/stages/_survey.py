"""All samplers on all cases of `verify`, several cases at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from posterity.certificates import panel
from posterity.certificates.cases import Case, tasks
from posterity.certificates.expectations import Expectation, Key
from posterity.certificates.panel import Certificate
from posterity.errors import PosterityError
from posterity.stages import _memory, _user_file
from posterity.stages._subjects import Subject, subject

__all__ = ["Found", "places", "subjects", "survey"]

Known = Mapping[Key, Expectation]
Found = tuple[Key, list[Certificate]]
"""What was examined, and the certificate of every seed."""


def subjects(settings: Mapping[str, Any]) -> list[Subject]:
    """The samplers that ``settings`` names."""
    return [subject(entry, settings["tier"], settings["dim"] is not None) for entry in settings["samplers"]]


def places(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(prior, task), every task of the prior that is named; a toy problem has one of its own, whatever is named."""
    if settings["dim"] is not None:
        return [(prior, "dense") for prior in settings["priors"]]
    return [(prior, task) for prior in settings["priors"] for task in tasks(prior) if task in settings["tasks"]]


def survey(
    settings: Mapping[str, Any], seeds: Sequence[int], known: Known, done: Callable[[str], None], jobs: int
) -> Iterator[Found]:
    """Examines every sampler on every prior and task, in that order.

    Arguments:
        settings: as the stage has them.
        seeds: each is a case and noise of its own.
        known: expectations.
        done: told of every (sampler, prior, task), in the same order.
        jobs: cases at a time, each in a process of its own; 1 is this one.
    """
    where = places(settings)
    _memory.keep()
    if min(jobs, len(where)) == 1:
        for place in where:
            yield from _told(_examine(settings, place, seeds, known), done)
        return
    with ProcessPoolExecutor(min(jobs, len(where)), get_context("spawn"), _alone) as pool:
        for found in [pool.submit(_all, settings, place, seeds, known) for place in where]:
            yield from _told(found.result(), done)


def _told(found: Iterator[Found] | list[Found], done: Callable[[str], None]) -> Iterator[Found]:
    for key, runs in found:
        done(f"{key.sampler}, {key.prior}, {key.task}: {runs[0].verdict}")
        yield key, runs


def _alone() -> None:
    """Processes share the cores; threads of each would only wait for one another."""
    import torch

    _memory.keep()
    torch.set_num_threads(1)


def _all(settings: Mapping[str, Any], place: tuple[str, str], seeds: Sequence[int], known: Known) -> list[Found]:
    return list(_examine(settings, place, seeds, known))


def _examine(
    settings: Mapping[str, Any], place: tuple[str, str], seeds: Sequence[int], known: Known
) -> Iterator[Found]:
    """All samplers on one prior and task."""
    tier, dim = settings["tier"], settings["dim"]
    cases = [panel.case(*place, tier, seed=seed, dim=dim) for seed in seeds]
    for one in subjects(settings):
        about = (place[0], cases[0].task_name, cases[0].instances[0].dim, tier)
        key = Key(one.name, one.settings, *about)
        yield key, [_certify(one, case, key, seed, known) for case, seed in zip(cases, seeds, strict=True)]


def _certify(one: Subject, case: Case, key: Key, seed: int, known: Known) -> Certificate:
    expected = known[key].bands if key in known else None
    try:
        return panel.certify(one.name, one.sampler, case, key.tier, seed=seed, expected=expected)
    except Exception as error:
        if one.file is None or isinstance(error, PosterityError):
            raise
        raise PosterityError(_user_file.where(error, one.file)) from error
