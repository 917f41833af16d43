"""The file of answers: one SQLite file per study, written as answers arrive.

Every answer is on disk before it is acknowledged, so a killed server loses none. Several servers and readers may have
the file open.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError

__all__ = ["FORMAT", "Book", "Person"]

FORMAT = "posterity-answers 1"
"""Kind and version of the file."""
_TABLES = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS participants (
    person TEXT PRIMARY KEY, name TEXT NOT NULL, key BLOB NOT NULL, code TEXT NOT NULL, asked TEXT NOT NULL,
    checks TEXT NOT NULL, begun REAL NOT NULL, seen REAL NOT NULL, finished REAL);
CREATE TABLE IF NOT EXISTS answers (
    person TEXT NOT NULL REFERENCES participants, question TEXT NOT NULL, study TEXT NOT NULL, answer TEXT NOT NULL,
    milliseconds INTEGER NOT NULL, received REAL NOT NULL, PRIMARY KEY (person, question));
"""


@dataclass(frozen=True)
class Person:
    """One participant.

    Arguments:
        person: normalised name, see :func:`posterity.study.responses.person`.
        name: name as typed.
        key: SHA-256 of the secret in their browser.
        code: completion code, which proves that they finished.
        asked: names of their questions in order, including attention checks.
        checks: {attention check: right answer}.
        begun, seen: times of the start and of the last message, in seconds since 1970.
        finished: time of the end, None until then.
    """

    person: str
    name: str
    key: bytes
    code: str
    asked: tuple[str, ...]
    checks: Mapping[str, str]
    begun: float
    seen: float
    finished: float | None = None


class Book:
    """An open file of answers.

    Arguments:
        path: path of the file, created if it does not exist.
        about: required {experiment, design}; None accepts any.

    Raises:
        PosterityError: if it is not such a file, or belongs to another study or version of it.
    """

    def __init__(self, path: Path, about: Mapping[str, str] | None = None) -> None:
        self.path, self._lock = path, threading.RLock()
        if about is None and not path.is_file():
            raise PosterityError(f"{path} is not a file")
        try:
            if about is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._begin(about)
        except (sqlite3.Error, OSError) as error:
            raise PosterityError(f"{path} cannot be used as a file of answers ({error})") from error

    def _begin(self, about: Mapping[str, str] | None) -> None:
        if about is not None:
            # a rollback journal keeps all committed data in the one file, which may be copied at any time
            self._base.execute("PRAGMA journal_mode = DELETE")
            self._base.execute("PRAGMA synchronous = FULL")
            with self.together():
                for statement in _TABLES.split(";")[:-1]:
                    self._base.execute(statement)
                for key, value in {"format": FORMAT, "secret": secrets.token_hex(16), **about}.items():
                    self._base.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (key, value))
        self.about = dict(self._base.execute("SELECT key, value FROM about").fetchall())
        if self.about.get("format") != FORMAT:
            raise PosterityError(f"{self.path} holds {self.about.get('format')!r:.60}, expected {FORMAT!r}")
        for key, value in (about or {}).items():
            if self.about[key] != value:
                raise PosterityError(
                    f"{self.path} holds answers to {key} {self.about[key]!r}, this is {value!r}; name another --answers"
                )

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run the block as one transaction: afterwards all of it is on disk, or nothing."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def find(self, person: str) -> Person | None:
        """Return a participant; None if unknown."""
        return next(iter(self._people("WHERE person = ?", person)), None)

    def of_key(self, key: bytes) -> Person | None:
        """Return the participant whose secret has this SHA-256; None if there is none."""
        return next(iter(self._people("WHERE key = ?", key)), None)

    def people(self) -> list[Person]:
        """Return all participants, in the order in which they started."""
        return self._people("ORDER BY begun, person")

    def _people(self, where: str, *values: Any) -> list[Person]:
        with self._lock:
            rows = self._base.execute(f"SELECT * FROM participants {where}", values).fetchall()
        return [_person(row) for row in rows]

    def add(self, one: Person) -> None:
        """Store a new participant, or a new secret of a known one."""
        values = (one.person, one.name, one.key, one.code, json.dumps(one.asked), json.dumps(dict(one.checks)),
                  one.begun, one.seen, one.finished)  # fmt: skip
        with self._lock:
            self._base.execute(f"INSERT OR REPLACE INTO participants VALUES ({', '.join('?' * 9)})", values)

    def answer(self, one: Person, question: str, study: str, answer: str, milliseconds: int) -> str:
        """Store an answer and return the one that counts, the first to this question."""
        now = time.time()
        with self.together():
            row = (one.person, question, study, answer, milliseconds, now)
            self._base.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
            self._base.execute("UPDATE participants SET seen = ? WHERE person = ?", (now, one.person))
            found = self._base.execute(
                "SELECT answer FROM answers WHERE person = ? AND question = ?", (one.person, question)
            ).fetchone()
        return str(found[0])

    def finish(self, one: Person) -> None:
        """Record that a participant has finished; only the first call counts."""
        with self.together():
            self._base.execute(
                "UPDATE participants SET finished = ? WHERE person = ? AND finished IS NULL", (time.time(), one.person)
            )

    def answers(self, person: str) -> list[dict[str, Any]]:
        """Return a participant's answers in the order of arrival."""
        with self._lock:
            rows = self._base.execute(
                "SELECT question, study, answer, milliseconds FROM answers WHERE person = ? ORDER BY received, rowid",
                (person,),
            ).fetchall()
        return [dict(zip(("question", "study", "answer", "milliseconds"), row, strict=True)) for row in rows]


def _person(row: tuple[Any, ...]) -> Person:
    person, name, key, code, asked, checks, begun, seen, finished = row
    return Person(person, name, key, code, tuple(json.loads(asked)), json.loads(checks), begun, seen, finished)
