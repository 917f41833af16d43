"""Turns the answers to a user study into percentages with confidence intervals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from posterity import json_reader
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages._settings import Analyse
from posterity.study.analyse import score
from posterity.study.design import limit
from posterity.study.responses import Named, check, from_page, listed
from posterity.study.served.reading import from_book
from posterity.study.sheet import from_csv

__all__ = ["run"]

_log = logging.getLogger(__name__)
_TEXTS: dict[str, Callable[[bytes, str], Iterator[Named]]] = {".csv": from_csv, ".json": from_page}


def run(settings: dict[str, Any], *, questions: Path, responses: list[Path], output: Path) -> None:
    """Write the artifact "tables"; excluded participants are logged and recorded in the file's metadata.

    Arguments:
        settings: ``seed`` and ``replicates`` of the bootstrap; ``partial`` (false) includes participants who did not
            finish; ``effects`` (false) adds the estimates of a mixed-effects model; ``failures`` (0) is how many
            attention checks a participant of a served study may fail.
        responses: files saved by the page (.json), databases of a served study (.sqlite), spreadsheets (.csv) and
            artifacts "responses" (.parquet).
    """
    how = Analyse.of(settings)
    asked = store.read(questions, "questions").to_pylist()
    broken, inattentive = list[str](), list[str]()
    given = list(_named(responses, broken, inattentive, how.failures))
    if broken:
        raise PosterityError("\n".join(listed(broken, "files that cannot be read")))
    checked = check(given, asked, limit(store.provenance(questions)), how.partial)
    checked.aside[:0] = inattentive
    for line in listed(checked.aside, "set aside"):
        _log.warning("set aside: %s", line)
    if not checked.rows:
        why = f" ({checked.aside[0]})" if checked.aside else ""
        raise PosterityError(f"there is no answer to {questions} that can be analysed{why}; "
                             "give the files that its page saved as --responses")  # fmt: skip
    rows = score(asked, checked.rows, how.replicates, how.seed, how.effects)
    origin = {"settings": settings, "participants": checked.participants, "set aside": checked.aside}
    store.write(output, "tables", rows, origin)
    _log.info("answers of %d participants are analysed", checked.participants)


def _named(responses: list[Path], broken: list[str], inattentive: list[str], failures: int) -> Iterator[Named]:
    """Yield the answers of each file, reading it once; problems are appended to ``broken`` and ``inattentive``."""
    for path in dict.fromkeys(responses):
        try:
            if path.suffix == ".parquet":
                yield from ((str(path), row) for row in store.read(path, "responses").to_pylist())
            elif path.suffix == ".sqlite":
                rows, aside = from_book(path, failures)
                inattentive += aside
                yield from rows
            elif path.suffix in _TEXTS:
                yield from _TEXTS[path.suffix](json_reader.bounded(path), str(path))
            else:
                valid = ", ".join((*_TEXTS, ".parquet", ".sqlite"))
                raise PosterityError(f"responses {path} end in {path.suffix!r}, expected one of {valid}")
        except PosterityError as error:
            broken.append(str(error))
