"""Reads artifacts of any kind as pandas frames, grouped by kind; signals are read only on request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from posterity.artifacts import store
from posterity.artifacts.schemas import SCHEMAS
from posterity.errors import PosterityError
from posterity.recipes import Recipe, partners
from posterity.tables.task_kinds import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KEYS", "Artifact", "Frames"]

KEYS = ("dataset", "task", "prior", "sampler")
"""The parts of a run's key; artifacts of earlier stages have only the first ones."""
_LARGE = {"signal", "truth", "display", "mask", "y", "parameters"}


@dataclass(frozen=True)
class Artifact:
    """One file: its kind, the run it belongs to and its provenance."""

    path: Path
    kind: str
    key: dict[str, str]
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """Return its path below the folder of results: samples/{dataset}/{task}/{prior}/{sampler}.parquet."""
        parts = self.path.parts
        first = max((n for n, part in enumerate(parts) if part == self.kind), default=len(parts) - 2)
        return "/".join(parts[max(0, first) :])

    @property
    def recipe(self) -> Recipe:
        """Return the recipe of the sampler that drew the samples."""
        return Recipe.told(self.about)

    def fits(self, where: Mapping[str, Any]) -> bool:
        """Return True if no key that this artifact has contradicts ``where`` (a name or a list of names each)."""
        return all(
            self.key[k] == v if isinstance(v, str) else self.key[k] in v
            for k, v in where.items()
            if k in self.key and v is not None
        )


class Frames:
    """The artifacts behind one table or figure.

    Arguments:
        paths: Parquet files of any kind.
        wanted: the table or figure, for error messages: "table cost".
        where: restricts dataset, task, prior and sampler, each to a name or a list of names.

    ``used`` collects the names of all artifacts that were requested.
    """

    def __init__(self, paths: Iterable[Path], wanted: str, where: Mapping[str, Any] | None = None) -> None:
        self.wanted, self.where = wanted, {k: v for k, v in (where or {}).items() if k in KEYS}
        every = [_open(Path(p)) for p in dict.fromkeys(paths)]
        # a run that is N/A has no samples; only its metrics exist, with the reason
        self.used: set[str] = set()
        self.artifacts = [a for a in every if a.fits(self.where) and (a.key or a.kind not in ("samples", "subsets"))]

    def of(self, kind: str, **where: Any) -> list[Artifact]:
        """Return the artifacts of a kind that fit, sorted by run."""
        found = [a for a in self.artifacts if a.kind == kind and a.fits(where)]
        self.used |= {a.name for a in found}
        return sorted(found, key=lambda a: tuple(a.key.get(k, "") for k in KEYS))

    def pairs(self, *wrappers: str, **where: Any) -> list[tuple[Artifact, Artifact]]:
        """Return (plain, wrapped) samples of runs that differ only in their wrappers, sorted by the wrapped run.

        Arguments:
            wrappers: if given, only runs in exactly these wrappers.
            where: restricts the runs.
        """
        runs = {tuple(a.key[k] for k in KEYS): a for a in self.of("samples", **where)}
        found = partners({key: a.recipe for key, a in runs.items()}, *wrappers)
        return [(runs[plain], runs[wrapped]) for wrapped, plain in found.items()]

    def frame(self, kind: str, columns: Sequence[str] | None = None, **where: Any) -> pd.DataFrame:
        """Return all rows of a kind, without signals unless ``columns`` names them; raise if there are none."""
        found = self.of(kind, **where)
        if not found:
            raise self.missing(kind, where)
        names = list(columns) if columns else [n for n in SCHEMAS[kind].names if n not in _LARGE]
        tables = [store.read(a.path, kind, columns=names).replace_schema_metadata(None) for a in found]
        return pa.concat_tables(tables).to_pandas()

    def task(self, key: Mapping[str, str]) -> Task:
        """Return the definition of a run's task, as its measurements record it.

        Raises:
            PosterityError: if the measurements are not among the inputs.
        """
        where = {name: key[name] for name in ("dataset", "task")}
        found = self.of("measurements", **where)
        if not found:
            raise self.missing("measurements", where)
        task: Task = found[0].about["origin"]["settings"]["task"]
        return task

    def missing(self, kind: str, where: Mapping[str, Any] | None = None, none: str = "") -> PosterityError:
        """Return the error that names the artifacts missing in the inputs; ``none`` says what those present lack."""
        asked = {**self.where, **(where or {})}
        at = " with " + ", ".join(f"{k} {v}" for k, v in asked.items()) if asked else ""
        given = ", ".join(sorted({a.kind for a in self.artifacts})) or "nothing that fits"
        return PosterityError(
            f"{self.wanted} needs {kind} artifacts{at}; the inputs hold {given}{f', none {none}' if none else ''}"
        )


def _open(path: Path) -> Artifact:
    try:
        about = store.provenance(path)
        kind = about.get("kind", "")
        names = [k for k in KEYS if k in SCHEMAS[kind].names] if kind in SCHEMAS else []
        first = pq.ParquetFile(path).iter_batches(batch_size=1, columns=names) if names else iter(())
        row = next(iter(first), None)
    except (pa.ArrowInvalid, OSError) as error:
        raise PosterityError(f"{path} is not a readable Parquet file ({error}); delete it and run again") from error
    if kind not in SCHEMAS:
        raise PosterityError(f"{path} is not an artifact of posterity; its kind is {kind or 'not recorded'}")
    # these hold many runs in one file, so a row's key is not the file's key
    many = kind in ("questions", "certificates")
    key = {} if row is None or not len(row) or many else row.to_pylist()[0]
    return Artifact(path, kind, {k: v for k, v in key.items() if v is not None}, about)
