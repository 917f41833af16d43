"""Turns the answers to a user study into percentages with intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.study.analyse import score
from posterity.study.responses import from_page, validate

__all__ = ["run"]


def run(settings: dict[str, Any], *, questions: Path, responses: list[Path], output: Path) -> None:
    """Writes the artifact "tables".

    Arguments:
        settings: ``seed`` and ``replicates`` of the bootstrap.
        responses: files that the page saved (.json) and artifacts "responses" (.parquet).
    """
    asked = store.read(questions, "questions").to_pylist()
    answers = validate(_named(responses), asked)
    if not answers:
        raise PosterityError(f"there is no answer to {questions}; give the files that its page saved as --responses")
    rows = score(asked, answers, int(settings.get("replicates", 10000)), int(settings.get("seed", 0)))
    inputs = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in (questions, *responses)}
    store.write(output, "tables", rows, {"settings": settings, "inputs": inputs})


def _named(responses: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in responses:
        if path.suffix == ".json":
            try:
                content = path.read_bytes()
            except OSError as error:
                raise PosterityError(f"cannot read {path}: {error.strerror}") from error
            yield from ((str(path), row) for row in from_page(content, str(path)))
        elif path.suffix == ".parquet":
            yield from ((str(path), row) for row in store.read(path, "responses").to_pylist())
        else:
            raise PosterityError(f"responses {path} end in {path.suffix!r}; valid are .json and .parquet")
