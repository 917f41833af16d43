"""Estimates before a verification how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from posterity.certificates import panel
from posterity.certificates.cases import Instance
from posterity.certificates.evidence import restore
from posterity.certificates.probing import Streams
from posterity.certificates.tiers import size
from posterity.samplers.base import Sampler
from posterity.stages._survey import Work

__all__ = ["estimate"]

_FEW, _MORE = 4, 128
"""Rows of the two trial batches: the first measures the cost of the calls, the second what each further row adds."""
_PATIENCE = 2.0
"""If the first batch takes longer than this many seconds, the second is skipped: the calls dominate the cost."""


def estimate(work: Sequence[Work], jobs: int) -> str:
    """Return one line with the number of cases and roughly how long their draws take.

    Each sampler is timed on a few rows of the first problem that it supports.
    """
    count = sum(len(one.left) for one in work)
    if not count:
        return "all cases are finished"
    seen: dict[tuple[str, str], float] = {}
    each = [seen.get((s.name, s.settings)) or seen.setdefault((s.name, s.settings), _seconds(one, s.sampler))
            for one in work for s in one.left]  # fmt: skip
    total = sum(each) * len(work[0].seeds) / max(1, min(jobs, len(work)))
    cases = f"{count} cases" if count > 1 else "1 case"
    return f"{cases}, about {_spoken(sum(each) / count)} of draws each: about {_spoken(total)}, {jobs} at a time"


def _seconds(work: Work, sampler: Sampler) -> float:
    """Return the seconds that the draws of one case take; 0 if the sampler cannot do it, as the run will report."""
    case = panel.case(*work.place, work.settings["tier"], dim=work.settings["dim"])
    try:
        if panel.missing(sampler, case.instances[0]):
            return 0.0
        calls = _timed(sampler, case.instances[0], _FEW)
        row = 0.0 if calls > _PATIENCE else (_timed(sampler, case.instances[0], _MORE) - calls) / (_MORE - _FEW)
    except Exception:  # noqa: BLE001 - a person's file may do anything; the run tells it with its line
        return 0.0
    spent = size(work.settings["tier"], work.place[0])
    rows = [len(i) * (spent.draws if i is case.wide else spent.depth) for i in case.instances]
    return sum(calls + max(0.0, row) * n for n in rows)


def _timed(sampler: Sampler, instance: Instance, count: int) -> float:
    began = time.perf_counter()
    rows = torch.arange(count) % len(instance)
    restore(sampler, instance, rows, Streams(0, [str(r) for r in rows.tolist()], range(count)))
    return time.perf_counter() - began


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
