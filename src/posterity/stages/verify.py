"""Compares samplers with exact posteriors and writes their certificates."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.certificates.expectations import Expectation, Key
    from posterity.certificates.panel import Certificate
    from posterity.stages._kept import Kept

__all__ = ["KEPT", "SEEDS", "run"]

_log = logging.getLogger(__name__)
SEEDS = 5
"""Number of runs behind a stored expectation."""
KEPT = "certificates.json"
"""The file of finished cases."""


def run(
    settings: dict[str, Any],
    *,
    output: Path,
    expectations: Path,
    update: bool = False,
    jobs: int = 1,
    line: Callable[[Certificate], str] | None = None,
) -> tuple[list[Certificate], list[Certificate]]:
    """Write certificates.parquet and .json, junit.xml, badge.json, badge.svg and the figure into ``output``.

    ``settings`` holds samplers (a list of {method or file, settings}), priors, tasks, dim (of a toy problem, which
    has a task of its own; else null), tier and seed. ``expectations`` is the folder with each method's stored
    expectations; with ``update`` they are not compared but replaced by the values of the first ``SEEDS`` seeds.
    ``jobs`` cases run in parallel, and ``line`` formats each certificate for the log.

    Each case is added to certificates.json (:data:`KEPT`) as soon as it is finished. After an interruption, a run
    with the same settings and code resumes from there.

    Returns:
        All certificates, by prior and task, and those that are failures.

    Raises:
        PosterityError: before anything runs, if something does not exist or a setting is invalid.
    """
    from posterity.certificates import record
    from posterity.certificates.expectations import learn, unexpected
    from posterity.jobs import progress
    from posterity.stages import _estimate, _expected, _kept, _survey

    _check(settings)
    subjects = _survey.subjects(settings)
    if update and any(s.file for s in subjects):
        raise PosterityError("expectations are stored for posterity's own samplers only; update them without --sampler")
    known: dict[Key, Expectation] = {}
    for subject in subjects:
        known |= {} if subject.file else _expected.load(expectations, subject.method or subject.name)
    seeds = list(range(SEEDS)) if update else [int(settings["seed"])]
    order = [(s.name, s.settings, *place) for place in _survey.places(settings) for s in subjects]
    stored = {(s.name, s.settings): s.stored for s in subjects}
    kept = _begun(output / KEPT, len(order), "" if update else _kept.digest(settings, subjects, known))
    names = {_name(key) for key in kept.cases}
    work = _survey.work(settings, seeds, known, compare=not update, finished=names)
    if names:
        _log.info("%d of %d cases are finished, in %s", len(names), len(order), output / KEPT)
    _log.info("%s", _estimate.estimate(work, jobs))
    kept.write(output / KEPT)
    learned: dict[Key, Expectation] = {}
    with progress.jobs(len(order) - len(names)) as done:
        for key, runs in _survey.survey(work, jobs):
            under = stored[key.sampler, key.settings](key)
            if update:
                known[under] = learned[under] = learn(runs)
            kept.cases[key] = _kept.Case(key, runs[0], unexpected(runs[0], known.get(under)))
            kept.write(output / KEPT)
            done((line or _line)(runs[0]))
    for method in {key.sampler for key in learned}:
        _expected.save(expectations, method, {k: e for k, e in learned.items() if k.sampler == method})
    kept.cases = dict(sorted(kept.cases.items(), key=lambda case: order.index(_name(case[0]))))
    kept.write(output / KEPT)
    rows = [row for key, case in kept.cases.items() for row in record.rows(case.certificate, key.settings, key.dim)]
    _write(output, settings, rows, kept.certificates, kept.failed)
    return kept.certificates, kept.failed


def _name(key: Key) -> tuple[str, str, str, str]:
    """Return the name of a case, which is known before it runs."""
    return key.sampler, key.settings, key.prior, key.task


def _begun(path: Path, total: int, of: str) -> Kept:
    """Return the cases of an interrupted run with the same settings and code; none otherwise."""
    from posterity.stages import _kept

    empty = _kept.Kept(total, of)
    if not (of and path.is_file()):
        return empty
    try:
        found = _kept.read(path)
    except PosterityError as error:
        _log.warning("starting over: %s", error)
        return empty
    return found if found.of == of and found.total == total and not found.complete else empty


def _line(certificate: Certificate) -> str:
    return f"{certificate.sampler}, {certificate.prior}, {certificate.task}: {certificate.verdict}"


def _check(settings: dict[str, Any]) -> None:
    """Raise PosterityError for unknown names, before any sampler is loaded."""
    from posterity.certificates.cases import tasks
    from posterity.certificates.panel import TIERS

    known = list(dict.fromkeys(task for prior in settings["priors"] for task in tasks(prior)))
    asked = [("tier", settings["tier"], list(TIERS)), *(("task", name, known) for name in settings["tasks"])]
    for noun, name, names in asked:
        if name not in names:
            raise PosterityError(f"{noun} {name!r} is not one that verify knows; choose one of {', '.join(names)}")


def _write(
    output: Path,
    settings: dict[str, Any],
    rows: list[dict[str, Any]],
    certificates: list[Certificate],
    failed: list[Certificate],
) -> None:
    from posterity.figures import certificate_matrix, cost_error, style
    from posterity.report import verdicts
    from posterity.tables.frames import Frames

    parquet = output / "certificates.parquet"
    store.write(parquet, "certificates", rows, {"settings": settings})
    store.write_bytes(output / "junit.xml", verdicts.junit(certificates, failed))
    badge = verdicts.badge(certificates, failed)
    store.write_bytes(output / "badge.json", json.dumps(badge).encode())
    store.write_bytes(output / "badge.svg", verdicts.badge_svg(badge).encode())
    for name, figure in (("cost_error", cost_error), ("certificate_matrix", certificate_matrix)):
        with style.look():
            svg, png = style.save(figure.draw(Frames([parquet], f"figure {name}"), {}), figure.TITLE)
        store.write_bytes(output / f"{name}.png", png)
        store.write_bytes(output / f"{name}.svg", svg)
