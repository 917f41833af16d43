"""The finished cases of `verify` in one JSON file, so that an interrupted run can resume and print them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from posterity import json_reader
from posterity.artifacts import store
from posterity.artifacts.finite import finite
from posterity.artifacts.schemas import SCHEMAS
from posterity.certificates import record
from posterity.certificates.expectations import Expectation, Key
from posterity.certificates.finding import Finding
from posterity.certificates.panel import Certificate
from posterity.errors import PosterityError
from posterity.stages._subjects import Subject

__all__ = ["Case", "Kept", "digest", "read"]

Verdict = Literal["exact", "open", "approximate", "improved", "regressed", "reported", "n/a"]
_FINDING = frozenset({f.name for f in fields(Finding)} | {"verdict"})


@dataclass(frozen=True)
class Case:
    """One finished case: its name, its certificate, and whether that is a failure."""

    key: Key
    certificate: Certificate
    failed: bool

    def plain(self) -> dict[str, Any]:
        """Return the case as plain JSON: the columns of certificates.parquet, with the findings in a list."""
        rows = [dict(r) for r in record.rows(self.certificate, self.key.settings, self.key.dim)]
        rows = [finite(r, SCHEMAS["certificates"], self.certificate.sampler) for r in rows]
        findings = [{k: r[k] for k in r if k in _FINDING} for r in rows if r.get("statistic") is not None]
        return {k: v for k, v in rows[0].items() if k not in _FINDING} | {"failed": self.failed, "findings": findings}


@dataclass
class Kept:
    """Finished cases by name.

    Arguments:
        total: number of cases in the whole run.
        of: hash of settings, code and each method's expectations; only cases with the same hash may be combined.
        cases: the finished ones.
    """

    total: int
    of: str
    cases: dict[Key, Case] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True if every case is finished."""
        return len(self.cases) >= self.total

    @property
    def certificates(self) -> list[Certificate]:
        """Return the certificates, in the order of the cases."""
        return [case.certificate for case in self.cases.values()]

    @property
    def failed(self) -> list[Certificate]:
        """Return the certificates that are failures."""
        return [case.certificate for case in self.cases.values() if case.failed]

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        store.write_bytes(path, self.text().encode())

    def text(self) -> str:
        """Return the file's text, one line per case."""
        lines = ",\n".join(json.dumps(case.plain(), ensure_ascii=False) for case in self.cases.values())
        head = f'"made by": "posterity verify", "of": {json.dumps(self.of)}, "total": {self.total}'
        return f'{{{head}, "cases": [\n{lines}\n]}}\n'


def digest(settings: Mapping[str, Any], subjects: Iterable[Subject], known: Mapping[Key, Expectation]) -> str:
    """Return the hash that cases of one run share; it changes with any sampler, the library or a stored band."""
    bands = sorted(json.dumps(expected.plain(key)) for key, expected in known.items())
    about = [settings, store.code.get(), bands, [(s.name, s.settings) for s in subjects]]
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for subject in subjects:
        found.update(subject.file.read_bytes() if subject.file else b"")
    return found.hexdigest()[:16]


def read(path: Path) -> Kept:
    """Return the cases stored in a file.

    Raises:
        PosterityError: if it cannot be read or is not such a file.
    """
    wanted = "expected the certificates.json that posterity verify writes"
    content = json_reader.read(path)
    try:
        found = _FILE.validate_python(content)
        cases = [_case(plain) for plain in found.cases]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its top level"
        raise PosterityError(f"{path}: {place}: {first['msg']}; {wanted}") from error
    return Kept(found.total, found.of, {case.key: case for case in cases})


@dataclass(frozen=True)
class _Told(Finding):
    verdict: Verdict = "n/a"


@dataclass(frozen=True)
class _Plain(Key):
    """The result of :meth:`Case.plain`."""

    seed: int
    overall: Verdict | Literal["diverged", "not a posterior sampler"]
    reason: str
    forwards: int
    backwards: int
    rows: int
    seconds: float
    peak_bytes: int
    failed: bool
    findings: list[_Told]


@dataclass(frozen=True)
class _File:
    total: int
    of: str
    cases: list[_Plain]


_FILE = TypeAdapter(_File)
_WHOLE = frozenset(f.name for f in fields(_Plain)) - {"findings"}


def _case(plain: _Plain) -> Case:
    names = [f.name for f in fields(Finding)]
    findings = tuple(Finding(**{name: getattr(told, name) for name in names}) for told in plain.findings)
    whole = {f.name: getattr(plain, f.name) for f in fields(Certificate) if f.name in _WHOLE}
    verdicts = tuple(told.verdict for told in plain.findings)
    certificate = Certificate(**whole, findings=findings, verdicts=verdicts, verdict=plain.overall)
    return Case(Key(**{f.name: getattr(plain, f.name) for f in fields(Key)}), certificate, plain.failed)
