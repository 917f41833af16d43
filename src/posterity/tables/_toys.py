"""Distances on closed-form problems as frames: single runs, and sweeps of settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from posterity.artifacts import store
from posterity.tables.cells import interval
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

    from posterity.tables.frames import Artifact

__all__ = ["ORDER", "STATISTICS", "Sweep", "plain", "summary", "sweeps"]

ORDER = ("exact", "exact_score")
"""The floor and the ceiling come first, the prior last."""


STATISTICS = {"sliced_wasserstein": "sliced Wasserstein distance", "w2": "W2 of the moments"}
"""{statistic: its name in words}."""


@dataclass(frozen=True)
class Sweep:
    """One method with several values of a setting.

    Arguments:
        prior, dim: the closed-form problem.
        name: name of the sweep.
        method: the method.
        vary: names of the settings that vary, together.
        statistic: the distance measured.
        rows: rows of the artifact with the column ``at``, the setting's value.
    """

    prior: str
    dim: int
    name: str
    method: str
    vary: str
    statistic: str
    rows: pd.DataFrame


def plain(frames: Frames) -> pd.DataFrame:
    """Return the rows of all jobs with a single set of settings.

    Raises:
        PosterityError: if there are none.
    """
    found = [a for a in frames.of("distances") if len(_runs(a)) == 1]
    if not found:
        raise frames.missing("distances")
    return pa.concat_tables([_rows(a) for a in found]).to_pandas()


def sweeps(frames: Frames) -> list[Sweep]:
    """Return all sweeps, by prior, dimension and name.

    Raises:
        PosterityError: if there are none.
    """
    out = []
    for artifact in frames.of("distances"):
        runs = [one["settings"] for one in _runs(artifact)]
        if len(runs) < 2:
            continue
        vary = [k for k in runs[0] if len({json.dumps(r.get(k)) for r in runs}) > 1]
        rows = _rows(artifact).to_pandas()
        rows["at"] = [float(json.loads(text)[vary[0]]) for text in rows["settings"]]
        first = rows.iloc[0]
        key = (first["prior"], int(first["dim"]), first["sampler"], first["method"])
        out.append(Sweep(*key, ", ".join(vary), first["statistic"], rows))
    if not out:
        raise frames.missing("distances", none="of a sweep")
    return sorted(out, key=lambda s: (s.prior, s.dim, s.name))


def summary(rows: pd.DataFrame) -> tuple[float, float | None, float | None, float, int]:
    """Return (mean, low and high of its 95 % interval, median, number of instances with a diverged draw)."""
    values = rows.sort_values("instance")["value"].to_numpy()
    return float(values.mean()), *interval(values), float(rows["value"].median()), int((rows["diverged"] > 0).sum())


def _runs(artifact: Artifact) -> list[dict[str, dict[str, object]]]:
    runs: list[dict[str, dict[str, object]]] = artifact.about["origin"]["settings"]["runs"]
    return runs


def _rows(artifact: Artifact) -> pa.Table:
    return store.read(artifact.path, "distances").replace_schema_metadata(None)
