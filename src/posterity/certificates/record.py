"""Certificates as rows, one per (sampler, prior, task, statistic, part), and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from posterity.certificates.finding import Finding
from posterity.certificates.panel import Certificate

__all__ = ["certificates", "rows"]

_FINDING = tuple(f.name for f in fields(Finding))
_WHOLE = tuple(f.name for f in fields(Certificate) if f.name not in ("findings", "verdicts", "verdict"))
_KEY = ("sampler", "settings", "prior", "task", "dim", "tier", "seed")


def rows(certificate: Certificate, settings: str, dim: int) -> Iterator[dict[str, Any]]:
    """Yield one row per finding; if there are none, one row without a statistic.

    Arguments:
        certificate: the findings; its ``verdict`` becomes ``overall``.
        settings: the sampler's resolved settings, as canonical JSON.
        dim: size d of a signal.
    """
    about = {name: getattr(certificate, name) for name in _WHOLE}
    about |= {"overall": certificate.verdict, "settings": settings, "dim": dim}
    if not certificate.findings:
        yield about
    for finding, verdict in zip(certificate.findings, certificate.verdicts, strict=True):
        yield about | asdict(finding) | {"verdict": verdict}


def certificates(records: Iterable[Mapping[str, Any]]) -> list[Certificate]:
    """Rebuild the certificates from the rows of :func:`rows`, in the same order; ignore other columns."""
    grouped: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        grouped.setdefault(tuple(record[k] for k in _KEY), []).append(record)
    return [_certificate(group) for group in grouped.values()]


def _certificate(group: list[Mapping[str, Any]]) -> Certificate:
    told = [r for r in group if r.get("statistic") is not None]
    return Certificate(
        **{name: group[0][name] for name in _WHOLE},
        findings=tuple(Finding(**{name: _plain(r[name]) for name in _FINDING}) for r in told),
        verdicts=tuple(str(r["verdict"]) for r in told),
        verdict=group[0]["overall"],
    )


def _plain(value: Any) -> Any:
    """Return None for NaN, which is how pandas reads a missing number, and any other value unchanged."""
    return None if isinstance(value, float) and math.isnan(value) else value
