"""Reads from Snakemake's benchmarks how long jobs took, to estimate future ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median

__all__ = ["Recorded"]

_ALIKE = (("task", "prior", "sampler"), ("prior", "sampler"), ("prior", "dim"), ("prior",), ("dataset",), ())
"""Parts of the key that a job of the same stage must share to count as similar, most similar first."""
_OWN_PRIOR = ("sample", "train", "distance")
"""Stages whose time is dominated by the network, so that jobs with other priors are not similar."""


class Recorded:
    """Looks up the seconds of finished jobs.

    Arguments:
        folder: folder of the benchmarks, by stage and key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stages: dict[str, list[tuple[Mapping[str, str], float]]] = {}

    def seconds(self, stage: str, key: Mapping[str, str]) -> tuple[float, bool] | None:
        """Return (seconds, whether it is the job's own record); None if no similar job was recorded.

        A job without its own record gets the median of the most similar ones.
        """
        known = self._known(stage, list(key))
        own = [s for k, s in known if k == key]
        if own:
            return own[-1], True
        for names in _ALIKE:
            if not set(names) <= set(key) or (stage in _OWN_PRIOR and "prior" not in names):
                continue
            alike = [s for k, s in known if all(k[n] == key[n] for n in names)]
            if alike:
                return median(alike), False
        return None

    def _known(self, stage: str, names: list[str]) -> list[tuple[Mapping[str, str], float]]:
        if stage not in self._stages:
            root = self.folder / stage
            paths = sorted(root.rglob("*.jsonl")) if names else [self.folder / f"{stage}.jsonl"]
            self._stages[stage] = [
                (dict(zip(names, path.relative_to(root).with_suffix("").parts if names else (), strict=False)), s)
                for path in paths
                if (s := _last(path)) is not None
            ]
        return self._stages[stage]


def _last(path: Path) -> float | None:
    """Return the seconds of the last run; None if they cannot be read."""
    try:
        return float(json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, IndexError):
        return None
