"""``posterity compare`` compares the numbers of two exports."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from rich.table import Table

    from posterity.commands.manifest import Manifest
    from posterity.report.comparison import Difference

__all__ = ["compare"]

_SHOWN = 40
_STYLES = {"differs": "bold red", "only in A": "yellow", "only in B": "yellow", "same": "dim"}
_LARGEST = 1 << 20
"""Largest size in bytes of one configuration file that is compared."""


def compare(
    a: Annotated[Path, typer.Argument(metavar="A.zip", help="An archive of `posterity export`.")],
    b: Annotated[
        Path,
        typer.Argument(metavar="B.zip", help="Another one, of the same experiment or one that has the same tables."),
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write all numbers as a sortable HTML page.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also print numbers that are equal or within their intervals.")
    ] = False,
) -> None:
    """Report which numbers of two exports differ, by how much, and whether by more than their intervals.

    Example: posterity compare before.zip after.zip --html compared.html
    """
    from posterity.artifacts import store
    from posterity.report import comparison

    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, name) for name in ("a", "b")]
        manifests = [_unpacked(archive, place) for archive, place in zip((a, b), places, strict=True)]
        records = [_records(*pair) for pair in zip(manifests, places, strict=True)]
    found = comparison.compare(*records)
    if not {r["table"] for r in records[0]} & {r["table"] for r in records[1]}:
        raise PosterityError(f"{a} and {b} have no table in common; {_holds(records[0])}, {_holds(records[1])}")
    about, counts = _about(a, b), comparison.counted(found)
    shown = [d for d in found if every or d.verdict not in ("same", "within intervals")]
    _print(a, b, about, shown if every else shown[:_SHOWN], counts)
    if len(shown) > _SHOWN and not every:
        typer.echo(f"and {len(shown) - _SHOWN} more; --all or --html shows them")
    if html is not None:
        page = comparison.render(comparison.Compared((a.name, b.name), about, found, counts))
        store.write_bytes(html, page.encode())
        typer.echo(f"{html}: all {len(found)} numbers")


def _unpacked(archive: Path, place: Path) -> Manifest:
    from posterity.commands.redraw import unpacked

    place.mkdir()
    return unpacked(archive, place)


def _records(manifest: Manifest, folder: Path) -> list[dict[str, Any]]:
    """Return all cells of an archive's tables."""
    from posterity.artifacts import store

    paths = [folder / product.output for product in manifest.products if product.stage == "table"]
    return [row for path in paths for row in store.read(path, "tables").to_pylist()]


def _holds(records: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(sorted({r["table"] for r in records}))
    return f"one has {names}" if names else "one has none"


def _about(a: Path, b: Path) -> list[tuple[str, str]]:
    """Return the other differences: experiment, revision, package versions, files of the configuration."""
    from posterity import json_reader
    from posterity.commands.redraw import MANIFEST

    with zipfile.ZipFile(a) as first, zipfile.ZipFile(b) as second:
        about = [json_reader.parse(z.read(MANIFEST), MANIFEST) for z in (first, second)]
        configs = [_configuration(z) for z in (first, second)]
    rows = []
    for name in ("experiment", "revision"):
        values = [str(one.get(name, "unknown"))[:40] for one in about]
        rows += [(name, " → ".join(values))] if values[0] != values[1] else []
    versions = [one["versions"] if isinstance(one.get("versions"), dict) else {} for one in about]
    for name in sorted({*versions[0], *versions[1]}):
        ours, theirs = (v.get(name, "absent") for v in versions)
        rows += [(name, f"{ours} → {theirs}")] if ours != theirs else []
    other = sorted(n for n in {*configs[0], *configs[1]} if configs[0].get(n) != configs[1].get(n))
    return rows + ([("configuration", ", ".join(other))] if other else [])


def _configuration(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = [e for e in archive.infolist() if e.filename.startswith("config/") and e.file_size <= _LARGEST]
    return {e.filename: archive.read(e) for e in entries}


def _print(
    a: Path, b: Path, about: Sequence[tuple[str, str]], shown: Sequence[Difference], counts: Mapping[str, int]
) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(f"A is {a}, B is {b}", markup=False)
    for name, words in about:
        console.print(f"{name}: {words}", markup=False)
    if shown:
        console.print(_table(shown))
    console.print(f"{sum(counts.values())} numbers: " + ", ".join(f"{n} {v}" for v, n in counts.items() if n))


def _table(shown: Sequence[Difference]) -> Table:
    from rich.table import Table

    from posterity.tables.text import number

    table = Table(caption="±: half the 95 % interval of a difference, from the intervals of both", box=None)
    for name in ("table", "row", "column"):
        table.add_column(name, overflow="fold")
    for name in ("A", "B", "B − A", "±"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for d in shown:
        values = [number(v) if v is not None else "–" for v in (d.a, d.b, d.by, d.half)]
        table.add_row(d.table, d.row, d.column, *values, d.verdict, style=_STYLES.get(d.verdict))
    return table
