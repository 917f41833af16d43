"""Sets samplers against exact posteriors and writes what was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.certificates.expectations import Expectation, Key
    from posterity.certificates.panel import Certificate

__all__ = ["SEEDS", "run"]

SEEDS = 5
"""Runs behind a stored expectation."""


def run(
    settings: dict[str, Any], *, output: Path, expectations: Path, update: bool = False, jobs: int = 1
) -> tuple[list[Certificate], list[Certificate]]:
    """Writes certificates.parquet, junit.xml, badge.json, badge.svg and the figure into ``output``.

    ``settings`` holds samplers (a list of {method or file, settings}), priors, tasks, dim (or null, or
    that of a toy problem, which has a task of its own), tier and seed. ``expectations`` is the folder with
    what is known of each method; with ``update`` nothing is compared with it, and what the first ``SEEDS``
    seeds give is stored there. ``jobs`` cases are looked at at a time.

    Returns:
        All certificates, by prior and task, and those of them that are failures.

    Raises:
        PosterityError: before anything runs, when something does not exist or a setting is wrong.
    """
    from posterity.certificates import record
    from posterity.certificates.expectations import learn, unexpected
    from posterity.stages import _expected, _progress, _survey

    _check(settings)
    subjects = _survey.subjects(settings)
    if update and any(s.file for s in subjects):
        raise PosterityError("expectations are kept of posterity's own samplers; update them without --sampler")
    known: dict[Key, Expectation] = {}
    for subject in subjects:
        known |= _expected.load(expectations, subject.name) if not (subject.file or update) else {}
    seeds = list(range(SEEDS)) if update else [int(settings["seed"])]
    certificates, failed, learned = [], [], {}
    rows: list[dict[str, Any]] = []
    total = len(_survey.places(settings)) * len(subjects)
    with _progress.jobs(total) as done:
        for key, runs in _survey.survey(settings, seeds, known, done, jobs):
            if update:
                known[key] = learned[key] = learn(runs)
            certificates.append(runs[0])
            failed += [runs[0]] if unexpected(runs[0], known.get(key)) else []
            rows += record.rows(runs[0], key.settings, key.dim)
    for name in {key.sampler for key in learned}:
        _expected.save(expectations, name, {k: e for k, e in learned.items() if k.sampler == name})
    _write(output, settings, rows, certificates, failed)
    return certificates, failed


def _check(settings: dict[str, Any]) -> None:
    """Names that do not exist are told before samplers are loaded."""
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
    from posterity.figures import cost_error, style
    from posterity.report import verdicts
    from posterity.tables.frames import Frames

    parquet = output / "certificates.parquet"
    store.write(parquet, "certificates", rows, {"settings": settings})
    store.write_bytes(output / "junit.xml", verdicts.junit(certificates, failed))
    badge = verdicts.badge(certificates, failed)
    store.write_bytes(output / "badge.json", json.dumps(badge).encode())
    store.write_bytes(output / "badge.svg", verdicts.badge_svg(badge).encode())
    with style.look():
        svg, png = style.save(cost_error.draw(Frames([parquet], "figure cost_error"), {}), cost_error.TITLE)
    store.write_bytes(output / "cost_error.png", png)
    store.write_bytes(output / "cost_error.svg", svg)
