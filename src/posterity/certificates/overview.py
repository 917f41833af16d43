"""Summarise stored expectations: which statistics distinguish a sampler from exact draws, and its distance to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import fmean

from posterity import json_reader
from posterity.certificates.expectations import Expectation, Key, parse
from posterity.certificates.finding import Band

__all__ = ["Look", "Standing", "looks", "standings", "stored"]

_EXACT = "exact"
Stored = Mapping[Key, Expectation]


@dataclass(frozen=True)
class Look:
    """A statistic's result for a sampler: the number of cases where it applied, and where it detected an error."""

    sampler: str
    statistic: str
    caught: int
    cases: int


@dataclass(frozen=True)
class Standing:
    """A sampler on one task.

    Arguments:
        sampler: its name.
        distances: {prior: sliced Wasserstein distance to exact draws, in units of the floor}.
        spread: {prior: variance over the exact variance}.
        modes: {prior: total variation of the mode weights}.
    """

    sampler: str
    distances: Mapping[str, float]
    spread: Mapping[str, float]
    modes: Mapping[str, float]

    @property
    def distance(self) -> float:
        """Return the geometric mean over priors."""
        return exp(fmean(log(v) for v in self.distances.values()))


def stored(folder: Path) -> dict[Key, Expectation]:
    """Read all files of a folder like ``resources/certificates``."""
    files = sorted(folder.glob("*.json"))
    contents = [json_reader.parse(path.read_bytes(), str(path)) for path in files]
    return dict(parse(entry) for content in contents for entry in content["entries"])


def looks(expected: Stored) -> list[Look]:
    """Compare every band with that of exact draws on the same problem; disjoint bands mean a detected error."""
    exact = {_problem(key): found for key, found in expected.items() if key.sampler == _EXACT}
    names = list(dict.fromkeys(key.sampler for key in expected))
    seen: dict[tuple[str, str], list[bool]] = {}
    for key, found in expected.items():
        if beside := exact.get(_problem(key)):
            for statistic, caught in _caught(found, beside):
                seen.setdefault((key.sampler, statistic), []).append(caught)
    statistics = sorted({statistic for _, statistic in seen})
    return [
        Look(name, statistic, sum(seen.get((name, statistic), [])), len(seen.get((name, statistic), [])))
        for name in names for statistic in statistics
    ]  # fmt: skip


def standings(expected: Stored, task: str, priors: Collection[str]) -> list[Standing]:
    """Return every sampler with a certificate on the task under these priors, nearest to exact draws first."""
    here = {key: found for key, found in expected.items() if key.task == task and key.prior in priors}
    floors = {_problem(k): _middle(f.bands["sliced_wasserstein"]) for k, f in here.items() if k.sampler == _EXACT}
    out = []
    for name in dict.fromkeys(key.sampler for key in here):
        own = {key.prior: found for key, found in here.items() if key.sampler == name}
        keys = {key.prior: key for key in here if key.sampler == name}
        distances = {
            prior: _middle(found.bands["sliced_wasserstein"]) / floors[_problem(keys[prior])]
            for prior, found in own.items() if "sliced_wasserstein" in found.bands and _problem(keys[prior]) in floors
        }  # fmt: skip
        if distances:
            out.append(Standing(name, distances, _values(own, "spread/overall"), _values(own, "modes/tv")))
    return sorted(out, key=lambda one: (one.sampler != _EXACT, one.distance))


def _problem(key: Key) -> tuple[str, str, int, str]:
    return key.prior, key.task, key.dim, key.tier


def _caught(found: Expectation, exact: Expectation) -> Iterator[tuple[str, bool]]:
    """Yield (statistic, whether one of its parts differs from that of exact draws) for statistics that have both."""
    parts: dict[str, list[bool]] = {}
    for key, band in found.bands.items():
        if (beside := exact.bands.get(key)) is not None and key != "diverged":
            parts.setdefault(key.partition("/")[0], []).append(band.low > beside.high or band.high < beside.low)
    yield from ((statistic, any(apart)) for statistic, apart in parts.items())


def _values(own: Mapping[str, Expectation], key: str) -> dict[str, float]:
    return {prior: _middle(found.bands[key]) for prior, found in own.items() if key in found.bands}


def _middle(band: Band) -> float:
    return (band.low + band.high) / 2
