"""Writes one table: Parquet in long form, with CSV and Markdown beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity import tables
from posterity.artifacts import store
from posterity.stages._settings import Table

__all__ = ["run"]


def run(settings: dict[str, Any], *, inputs: list[Path], output: Path) -> None:
    """Write the artifact "tables"; ``inputs`` are artifacts of any kind.

    ``settings`` holds experiment and table, and may restrict dataset, task, prior and sampler.
    """
    from posterity.tables import text
    from posterity.tables.frames import Frames

    how = Table.of(settings)
    name, experiment = how.table, how.experiment
    table = tables.find(name)
    frames = Frames(inputs, f"table {name}", settings)
    records = [{"experiment": experiment, "table": name, **cell.record()} for cell in table.cells(frames)]
    origin = {"settings": settings, "rows": list(table.ROWS)}
    origin |= {"title": table.TITLE, "caption": table.CAPTION}
    store.write(output, "tables", records, origin)
    store.write_bytes(output.with_suffix(".csv"), text.csv_text(records).encode())
    rendered = text.markdown(records, table.ROWS, table.TITLE, table.CAPTION)
    store.write_bytes(output.with_suffix(".md"), rendered.encode())
