"""Handles the messages of a study's page (begin, answer, finish), independent of HTTP."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.study import page
from posterity.study.design import ANSWERS, STUDIES, asked_of_each, fingerprint, limit
from posterity.study.responses import person
from posterity.study.served import attention
from posterity.study.served.asking import asked
from posterity.study.served.book import Book, Person
from posterity.study.served.guard import Refused
from posterity.study.served.terms import Terms

__all__ = ["ANSWERS_FILE", "Desk", "questions_of"]

ANSWERS_FILE = "answers.sqlite"
"""Name of the file of answers in a study's folder."""
_KEY = re.compile(r"[0-9a-f]{32}")
_DAY = 86_400_000
"""Milliseconds."""
_BEGUN = 10_000
"""Maximum number of people who may begin, or ten per wanted participant if that is more; protects the disk."""


class Desk:
    """One served study.

    Arguments:
        folder: a folder written by `posterity study package`.
        terms: quotas, checks, consent.
        answers: the file of answers; by default in the folder.
        assets: folder that a fetched jsPsych is looked for in.

    Raises:
        PosterityError: if the folder holds no study, or the file of answers belongs to another one.
    """

    def __init__(
        self, folder: Path, terms: Terms, answers: Path | None = None, assets: Path = Path("data/assets")
    ) -> None:
        content, rows, self._limit = _packaged(folder)
        self.name, self.terms, self._lock = str(content["experiment"]), terms, threading.Lock()
        self._rows = [row for row in rows if not row["practice"]]
        self.design = fingerprint(self._rows)
        self.book = Book(answers or folder / ANSWERS_FILE, {"experiment": self.name, "design": self.design})
        studies = [study for study in STUDIES if any(row["study"] == study for row in self._rows)]
        shown = int(content["count"])
        self._checks = attention.checks(self.book.about["secret"], studies, terms.checks, shown)
        self._study = {row["question"]: row["study"] for row in rows} | {c.question: c.study for c in self._checks}
        self._practice = {row["question"] for row in rows if row["practice"]}
        self.page = page.assemble(self._served(content), page.engine(assets)[1], served=True).encode()

    def _served(self, content: dict[str, Any]) -> dict[str, Any]:
        album = page.Album(content["pictures"])
        for block in content["blocks"]:
            mine = [check for check in self._checks if check.study == block["study"]]
            block["checks"] = [
                {"id": c.question, **page.sets(c.sets[0], c.sets[1] if len(c.sets) > 1 else [], c.target, album)}
                for c in mine
            ]
        return content | {"pictures": album.pictures, "served": {"consent": self.terms.consent}}

    def begin(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Admit a new participant, or resume one who has begun.

        Raises:
            Refused: without consent, for another version of the page, a name in use, or a full study.
        """
        name, key = told.get("participant"), _key(told)
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= 64 or not person(name):
            raise Refused(400, "a participant has a number or name of 64 letters at most")
        if told.get("consent") is not True:
            raise Refused(403, "nobody takes part without consent")
        if told.get("design") != self.design:
            raise Refused(409, "this study has changed; reload the page")
        with self._lock, self.book.together():
            one = self.book.find(person(name))
            if one is not None and not secrets.compare_digest(one.key, key) and one.key:
                raise Refused(409, "this participant number has begun in another browser; continue there, or ask the "
                                   "person who invited you")  # fmt: skip
            one = self._newcomer(name.strip(), key) if one is None else replace(one, key=key)
            self.book.add(one)
        answered = self.book.answers(one.person)
        return {"asked": list(one.asked), "responses": answered, "finished": one.finished is not None}

    def _newcomer(self, name: str, key: bytes) -> Person:
        now, people = time.time(), self.book.people()
        if len(people) >= max(_BEGUN, 10 * self.terms.participants):
            raise Refused(403, "this study accepts no more participants")
        here = [one for one in people if one.finished is not None or now - one.seen < self.terms.away]
        taken = Counter(question for one in here for question in one.asked if question not in one.checks)
        right = {check.question: check.correct for check in self._checks}
        seed = f"{self.terms.seed}/{self.book.about['secret']}/{person(name)}"
        mine = asked(self._rows, taken, self._limit, self.terms.per_condition, self._checks, seed)
        if len(here) >= self.terms.participants or not any(question not in right for question in mine):
            raise Refused(403, "this study has all the answers that it needs; thank you")
        return Person(person(name), name, key, secrets.token_hex(4).upper(), tuple(mine),
                      {q: right[q] for q in mine if q in right}, now, now)  # fmt: skip

    def answer(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Store an answer; repeating it is harmless, but a different answer to the same question is refused."""
        one = self._who(told)
        question, answer, took = told.get("question"), told.get("answer"), told.get("milliseconds")
        if not isinstance(question, str) or question not in {*one.asked, *self._practice}:
            raise Refused(400, "this is not one of the participant's questions")
        study = self._study.get(question, "")
        if answer not in ANSWERS.get(study, ()):
            raise Refused(400, f"an answer is one of {', '.join(ANSWERS.get(study, ()))}")
        if type(took) is not int or took < 0:
            raise Refused(400, "milliseconds are a whole number from 0")
        if one.finished is not None:
            kept = {a["question"]: a["answer"] for a in self.book.answers(one.person)}.get(question)
        else:
            kept = self.book.answer(one, question, study, str(answer), min(took, _DAY))
        if kept != answer:
            raise Refused(409, "this question has a different answer already; the first one counts")
        return {"question": question}

    def finish(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Record that a participant has answered everything, and return the completion code."""
        one = self._who(told)
        missing = set(one.asked) - {answer["question"] for answer in self.book.answers(one.person)}
        if missing:
            raise Refused(409, f"{len(missing)} questions are not answered yet")
        self.book.finish(one)
        return {"code": one.code, "completion_url": self.terms.completion_url}

    def _who(self, told: Mapping[str, Any]) -> Person:
        one = self.book.of_key(_key(told))
        if one is None:
            raise Refused(401, "no participant has this key; reload the page")
        return one


def _key(told: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of the secret that a browser generated."""
    key = told.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Refused(400, "a key is 32 hexadecimal digits")
    return hashlib.sha256(key.encode()).digest()


def questions_of(folder: Path) -> tuple[str, int]:
    """Return the name of a packaged study and its number of questions per participant.

    Raises:
        PosterityError: if the folder holds no study.
    """
    content, rows, most = _packaged(folder)
    return str(content["experiment"]), asked_of_each([row for row in rows if not row["practice"]], most)


def _packaged(folder: Path) -> tuple[dict[str, Any], Sequence[Mapping[str, Any]], int]:
    """Return the page's content, the questions, and the maximum number of questions per participant."""
    key, html = folder / "questions.parquet", folder / "index.html"
    if not key.is_file() or not html.is_file():
        raise PosterityError(f"{folder} holds no study; name a folder that `posterity study package` wrote, "
                             "as results/study/NAME")  # fmt: skip
    rows = store.read(key, "questions").to_pylist()
    try:
        content = page.content_of(html.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PosterityError(f"{html} is not a page of a study; make it again") from error
    if content.get("fingerprint") != fingerprint([row for row in rows if not row["practice"]]):
        raise PosterityError(f"{html} asks other questions than {key.name} beside it; make them again")
    return content, rows, limit(store.provenance(key))
