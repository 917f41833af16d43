"""Stored results of samplers: bands per statistic over several seeds, to distinguish a change from chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from posterity.certificates.finding import Band
from posterity.certificates.panel import Certificate
from posterity.certificates.remarks import NONSENSE

__all__ = ["Expectation", "Key", "learn", "parse", "unexpected"]


@dataclass(frozen=True)
class Key:
    """The subject of an expectation; ``settings`` is canonical JSON, ``dim`` the size d of a signal."""

    sampler: str
    settings: str
    prior: str
    task: str
    dim: int
    tier: str


@dataclass(frozen=True)
class Expectation:
    """Bands by ``Finding.key`` over ``seeds`` runs; ``diverges`` is True if some of the runs diverged."""

    seeds: int
    diverges: bool
    bands: Mapping[str, Band]

    def plain(self, key: Key) -> dict[str, Any]:
        """Return it as JSON stores it, with numbers to six digits."""
        bands = {k: [float(f"{b.low:.6g}"), float(f"{b.high:.6g}")] for k, b in sorted(self.bands.items())}
        return asdict(key) | {"seeds": self.seeds, "diverges": self.diverges, "bands": bands}


def parse(plain: Mapping[str, Any]) -> tuple[Key, Expectation]:
    """Read the result of :meth:`Expectation.plain`."""
    bands = {key: Band(float(low), float(high)) for key, (low, high) in plain["bands"].items()}
    key = Key(**{f.name: plain[f.name] for f in fields(Key)})
    return key, Expectation(int(plain["seeds"]), bool(plain["diverges"]), bands)


def learn(runs: Sequence[Certificate]) -> Expectation:
    """Return the bands of every deciding statistic over ``runs``, which differ in their seed."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        for f in run.findings:
            if f.decides and f.value is not None and math.isfinite(f.value):
                seen.setdefault(f.key, []).append((f.compared, f.error or 0.0))
    bands = {key: Band.of(*zip(*pairs, strict=True)) for key, pairs in seen.items()}
    return Expectation(len(runs), any(r.verdict == "diverged" for r in runs), bands)


def unexpected(certificate: Certificate, expectation: Expectation | None) -> bool:
    """True if the sampler regressed, diverged and is not expected to, or is no posterior sampler."""
    if certificate.verdict == "diverged":
        return expectation is None or not expectation.diverges
    return certificate.verdict in ("regressed", NONSENSE)
