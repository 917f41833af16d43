"""What participants answered: read, checked against the questions, ready to be analysed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posterity.errors import PosterityError
from posterity.study.design import ANSWERS

__all__ = ["from_page", "validate"]

_FIELDS = ("format", "version", "experiment", "participant", "responses")
_SHOWN = 5


def from_page(content: bytes, name: str) -> list[dict[str, Any]]:
    """Rows of the artifact "responses" out of the file that the page saved; ``name`` is used in messages."""
    try:
        saved = json.loads(content)
    except ValueError as error:
        raise PosterityError(f"{name} is not JSON ({error}); expected the file that the study page saved") from error
    missing = [f for f in _FIELDS if f not in saved] if isinstance(saved, dict) else list(_FIELDS)
    if missing:
        raise PosterityError(f"{name} lacks {', '.join(missing)}; expected the file that the study page saved")
    if (saved["format"], saved["version"]) != ("posterity-responses", 1):
        found = f"{saved['format']!r} version {saved['version']!r}"
        raise PosterityError(f"{name} holds {found}, expected 'posterity-responses' version 1")
    if not isinstance(saved["responses"], list):
        raise PosterityError(f"{name}: responses is {saved['responses']!r:.60}, expected a list")
    about = {"experiment": saved["experiment"], "participant": saved["participant"], "simulated": False}
    return [{**(r if isinstance(r, dict) else {"answer": r}), **about} for r in saved["responses"]]


def validate(
    named: Iterable[tuple[str, Mapping[str, Any]]], questions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The responses without practice, each checked.

    Arguments:
        named: (file, response).
        questions: rows of the artifact "questions".

    Raises:
        PosterityError: tells every mistake, the first five in a line each.
    """
    known = {q["question"]: q for q in questions}
    mistakes: list[str] = []
    seen: dict[tuple[Any, Any], str] = {}
    good = []
    for file, row in named:
        wrong = _mistake(row, known)
        pair = (row.get("participant"), row.get("question"))
        if wrong is None and pair in seen:
            also = "twice" if seen[pair] == file else f"already in {seen[pair]}"
            wrong = f"question {pair[1]!r} is answered {also}; each participant answers a question once"
        if wrong is not None:
            mistakes.append(f"{file}: participant {row.get('participant')!r}: {wrong}")
            continue
        seen[pair] = file
        if not known[row["question"]]["practice"]:
            good.append(dict(row))
    if mistakes:
        more = [f"… and {len(mistakes) - _SHOWN} more mistakes"] if len(mistakes) > _SHOWN else []
        raise PosterityError("\n".join(mistakes[:_SHOWN] + more))
    return good


def _mistake(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str | None:
    missing = [f for f in ("experiment", "participant", "study", "question", "answer") if row.get(f) in (None, "")]
    if missing:
        return f"a response lacks {', '.join(missing)}"
    if not isinstance(row["participant"], str):
        return "participant is not a text"
    asked = known.get(str(row["question"]))
    if asked is None:
        example = next(iter(known), "none")
        return f"question {row['question']!r} is not one of the {len(known)} of this study (such as {example!r})"
    for field in ("experiment", "study"):
        if row[field] != asked[field]:
            return f"question {row['question']!r}: {field} is {row[field]!r}, expected {asked[field]!r}"
    valid = ANSWERS[asked["study"]]
    if row["answer"] not in valid:
        return f"question {row['question']!r}: answer {row['answer']!r} is not one of {', '.join(valid)}"
    took = row.get("milliseconds")
    if took is not None and (type(took) is not int or took < 0):
        return f"question {row['question']!r}: milliseconds is {took!r}, expected a whole number from 0"
    return None
