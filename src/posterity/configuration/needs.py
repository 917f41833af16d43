"""Resources that a job requests from a scheduler: GPUs, memory and minutes. They change no result and rerun nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from posterity.configuration.paths import fields

__all__ = ["Needs"]

_VALUES = ("gpu", "batch", "mem_mb", "runtime")
_SPARE = 1.5
_LEAST = {"mem_mb": 1000, "runtime": 10}
_OWN_MB = 500
"""Memory in MB of the two Snakemake processes around a job on a cluster."""


@dataclass(frozen=True)
class Needs:
    """Looks up what a job needs.

    The configuration has priority, then 1.5 times what the same settings took in an earlier run, then the
    rule's default. A second attempt gets twice the larger of the latter two, a third one three times: a job that
    was killed once shows that the record cannot be trusted.

    Arguments:
        given: entries of the configuration's ``resources``, selectors and values; later ones win.
        networks: names of the priors that run on a GPU.
        jobs_per_gpu: number of jobs that share a GPU when no scheduler assigns devices.
        folder: folder of Snakemake's job benchmarks.
    """

    given: Sequence[Mapping[str, Any]]
    networks: frozenset[str] = frozenset()
    jobs_per_gpu: int = 1
    folder: Path = Path("results/benchmarks")
    _seen: dict[tuple[str, ...], Mapping[str, float]] = field(default_factory=dict, compare=False)

    def gpu(self, stage: str, key: Sequence[str]) -> int:
        """Return the number of GPUs: only training (one) and sampling with a network use any."""
        uses = stage in ("train", "sample") and self._named(stage, key).get("prior") in self.networks
        said = int(self._said(stage, key).get("gpu", 1)) if uses else 0
        return said if stage == "sample" else min(said, 1)

    def batch(self, key: Sequence[str]) -> int:
        """Return the batch size of the stage "sample"."""
        return int(self._said("sample", key).get("batch", 128))

    def mem_mb(self, stage: str, key: Sequence[str], settings: str, default: int, attempt: int) -> int:
        """Return the memory in MB, with one process per GPU."""
        return self._need("mem_mb", stage, key, settings, default * max(1, self.gpu(stage, key)), attempt)

    def runtime(self, stage: str, key: Sequence[str], settings: str, default: int, attempt: int) -> int:
        """Minutes."""
        return self._need("runtime", stage, key, settings, default, attempt)

    def _need(self, what: str, stage: str, key: Sequence[str], settings: str, default: int, attempt: int) -> int:
        said = self._said(stage, key)
        if what in said:
            return int(said[what]) * attempt
        recorded = self._recorded(stage, tuple(key), settings).get(what)
        if recorded is None:
            return default * attempt
        return math.ceil(recorded) if attempt == 1 else math.ceil(max(recorded, default)) * attempt

    def _named(self, stage: str, key: Sequence[str]) -> dict[str, str]:
        return {"stage": stage} | dict(zip(fields(stage), key, strict=False))

    def _said(self, stage: str, key: Sequence[str]) -> dict[str, Any]:
        """Return the merged values of all entries whose selectors match."""
        named, out = self._named(stage, key), dict[str, Any]()
        for entry in self.given:
            if all(named.get(k) == v for k, v in entry.items() if k not in _VALUES):
                out |= {k: v for k, v in entry.items() if k in _VALUES}
        return out

    def _recorded(self, stage: str, key: tuple[str, ...], settings: str) -> Mapping[str, float]:
        """Return the record of the job's last run, looked up once: Snakemake deletes it before a second attempt."""
        place = (stage, *key)
        if place not in self._seen:
            self._seen[place] = _estimate(self.folder.joinpath(*place).with_suffix(".jsonl"), settings)
        return self._seen[place]


@cache
def _estimate(path: Path, settings: str) -> Mapping[str, float]:
    """Return {mem_mb, runtime} from a benchmark with the same settings; {} if there is none."""
    try:
        runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        same = [run for run in runs if settings in run["params"].values()]
        memory = max(float(run["max_rss"]) for run in same)
        seconds = max(float(run["s"]) for run in same)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}
    found = {"mem_mb": memory * _SPARE + _OWN_MB, "runtime": seconds / 60 * _SPARE}
    return {what: max(value, _LEAST[what]) for what, value in found.items()}
