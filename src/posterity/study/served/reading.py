"""Reads a file of answers for the analysis, and reports a study's progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posterity.study.responses import Named
from posterity.study.served.book import Book

__all__ = ["from_book", "standing"]


def from_book(path: Path, failures: int = 0) -> tuple[list[Named], list[str]]:
    """Return the answers, and a line for each participant excluded because of failed attention checks.

    Each row holds in ``asked`` the number of its participant's questions.

    Arguments:
        path: the file of answers.
        failures: maximum number of attention checks that a participant may fail.

    Raises:
        PosterityError: if it is not such a file.
    """
    book, rows, aside = Book(path), list[Named](), list[str]()
    try:
        about = {"experiment": book.about["experiment"], "design": book.about["design"], "simulated": False}
        for one in book.people():
            answers = book.answers(one.person)
            wrong = sum(a["answer"] != one.checks[a["question"]] for a in answers if a["question"] in one.checks)
            if wrong > failures:
                said = f"{wrong} of {len(one.checks)} attention checks"
                aside.append(f"{path}: participant {one.name!r} failed {said}")
                continue
            told = about | {"participant": one.name, "asked": len(one.asked) - len(one.checks)}
            rows += [(str(path), a | told) for a in answers if a["question"] not in one.checks]
    finally:
        book.close()
    return rows, aside


def standing(path: Path) -> Iterator[dict[str, Any]]:
    """Yield one row per participant: name, code, questions, answers, failed checks, state."""
    book = Book(path)
    try:
        for one in book.people():
            answers = [a for a in book.answers(one.person) if a["question"] in one.asked]
            failed = sum(a["answer"] != one.checks[a["question"]] for a in answers if a["question"] in one.checks)
            yield {
                "participant": one.name, "code": one.code, "asked": len(one.asked), "answered": len(answers),
                "failed checks": failed, "state": "finished" if one.finished is not None else "open",
            }  # fmt: skip
    finally:
        book.close()
