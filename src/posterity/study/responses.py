"""Reads the participants' answers and checks them against the questions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from posterity import json_reader
from posterity.errors import PosterityError
from posterity.study.design import ANSWERS, asked_of_each, fingerprint

__all__ = ["Checked", "Named", "check", "from_page", "listed", "person"]

Named = tuple[str, dict[str, Any]]
"""(file, row of the artifact "responses"); a row may also have the ``design`` that it answers and its ``line``."""
_FIELDS = ("format", "version", "experiment", "design", "participant", "responses")
_SHOWN = 5


@dataclass
class Checked:
    """The responses that are analysed, without practice.

    Arguments:
        rows: rows of the artifact "responses"; ``participant`` is normalised by :func:`person`.
        participants: number of people in the rows.
        aside: excluded participants and answers with the reason, one line each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    participants: int = 0
    aside: list[str] = field(default_factory=list)


@dataclass
class _Person:
    """Answers of one participant; ``where`` maps a question to the file and the name used there."""

    name: str
    file: str
    where: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    other: int = 0


@lru_cache(1 << 16)
def person(participant: str) -> str:
    """Return a participant's number in normal form: "P07", "P07 " and "p07" are one person."""
    return " ".join(unicodedata.normalize("NFKC", participant).split()).casefold()


def listed(lines: Sequence[str], what: str) -> list[str]:
    """Return the first five lines, and a line with the number of the others."""
    return [*lines[:_SHOWN], *([f"… and {len(lines) - _SHOWN} more {what}"] if len(lines) > _SHOWN else [])]


def from_page(content: bytes, name: str) -> Iterator[Named]:
    """Return the answers in a file that the page saved."""
    expected = "expected the file that the study page saved"
    try:
        saved = json_reader.parse(content, name)
    except json_reader.Unreadable as error:
        raise PosterityError(f"{error}; {expected}") from error
    missing = [f for f in _FIELDS if f not in saved] if isinstance(saved, dict) else list(_FIELDS)
    if missing:
        raise PosterityError(f"{name} lacks {', '.join(missing)}; {expected}")
    if (saved["format"], saved["version"]) != ("posterity-responses", 1):
        found = f"{saved['format']!r:.60} version {saved['version']!r:.60}"
        raise PosterityError(f"{name} holds {found}, expected 'posterity-responses' version 1")
    if not isinstance(saved["responses"], list):
        raise PosterityError(f"{name}: responses is {saved['responses']!r:.60}, expected a list")
    about = {key: saved[key] for key in ("experiment", "design", "participant")} | {"simulated": False}
    for response in saved["responses"]:
        yield name, (response if isinstance(response, dict) else {}) | about


def check(named: Iterable[Named], questions: Sequence[Mapping[str, Any]], limit: int, partial: bool = False) -> Checked:
    """Return the responses that can be analysed.

    Answers to another version of the design are excluded, and so are participants who answered fewer questions than
    the page asks them.

    Arguments:
        named: all answers.
        questions: rows of the artifact "questions".
        limit: maximum number of questions per participant.
        partial: whether to include participants who did not finish.

    Raises:
        PosterityError: with one line for each of the first five kinds of mistake per file.
    """
    asked = [q for q in questions if not q["practice"]]
    version, every = fingerprint(asked), asked_of_each(asked, limit)
    known = {q["question"]: q for q in questions}
    mistakes, people = _Mistakes(), dict[str, _Person]()
    for file, row in named:
        wrong = _mistake(row, known, version)
        if wrong is not None:
            mistakes.add(file, row, *wrong)
            continue
        who: str = row["participant"]
        one = people.get(person(who)) or people.setdefault(person(who), _Person(who.strip(), file))
        if row.get("design") not in (None, version):
            one.other += 1
            continue
        if row["question"] in one.where:
            first, name = one.where[row["question"]]
            mistakes.add(file, row, f"twice {first}", _twice(row, first, name, file))
            continue
        one.where[row["question"]] = file, who
        one.rows.append(row)
    mistakes.tell()
    out = Checked()
    for key, one in people.items():
        answers = [r | {"participant": key} for r in one.rows if not known[r["question"]]["practice"]]
        told = f"{one.file}: participant {one.name!r} answered"
        if one.other:
            out.aside.append(f"{told} {one.other} questions of another version of the design")
        # on a server each participant gets individual questions
        wanted = next((r["asked"] for r in one.rows if "asked" in r), every)
        if len(answers) < wanted and (one.rows or not one.other):
            out.aside += [] if partial else [f"{told} {len(answers)} of {wanted} questions"]
            answers = answers if partial else []
        out.rows += answers
        out.participants += bool(answers)
    return out


class _Mistakes:
    """Collects one line per kind of mistake in a file, with its count."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[Any]] = {}

    def add(self, file: str, row: Mapping[str, Any], kind: str, text: str) -> None:
        if (file, kind) in self._found:
            self._found[file, kind][1] += 1
            return
        line = f", line {row['line']}" if "line" in row else ""
        self._found[file, kind] = [f"{file}{line}: participant {row.get('participant')!r:.70}: {text}", 0]

    def tell(self) -> None:
        """Raise PosterityError if there are any."""
        lines = [text + (f" (and {more} more like it)" if more else "") for text, more in self._found.values()]
        if lines:
            raise PosterityError("\n".join(listed(lines, "mistakes")))


def _twice(row: Mapping[str, Any], first: str, name: str, file: str) -> str:
    also = "twice" if first == file else f"already in {first}"
    alias = f" by {name!r}, the same person" if name != row["participant"] else ""
    return f"question {row['question']!r} is answered {also}{alias}; each participant answers a question once"


def _mistake(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], version: str) -> tuple[str, str] | None:
    """Return (kind of mistake, message) for an invalid response; None for a valid one."""
    who, name, answer = row.get("participant"), row.get("question"), row.get("answer")
    if None in (who, name, answer) or "" in (who, name, answer):
        missing = [f for f in ("participant", "question", "answer") if row.get(f) in (None, "")]
        return "lacks", f"a response lacks {', '.join(missing)}"
    if not isinstance(who, str) or not person(who):
        return "participant", "participant is not a text"
    example = next(iter(known.values()), {})
    if row.get("experiment", example.get("experiment")) != example.get("experiment"):
        return "experiment", f"experiment is {row['experiment']!r:.60}, expected {example.get('experiment')!r}"
    if row.get("design") not in (None, version):
        return None
    asked = known.get(name) if isinstance(name, str) else None
    if asked is None:
        such = f"is not one of the {len(known)} of this study (such as {next(iter(known), 'none')!r})"
        return "question", f"question {name!r:.60} {such}"
    if row.get("study", asked["study"]) != asked["study"]:
        return "study", f"question {name!r}: study is {row['study']!r:.60}, expected {asked['study']!r}"
    if answer not in (valid := ANSWERS[asked["study"]]):
        return "answer", f"question {name!r}: answer {answer!r:.60} is not one of {', '.join(valid)}"
    took = row.get("milliseconds")
    if took is not None and (type(took) is not int or took < 0):
        return "milliseconds", f"question {name!r}: milliseconds is {took!r:.60}, expected a whole number from 0"
    return None
