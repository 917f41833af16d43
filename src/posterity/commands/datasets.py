"""Prepares the datasets that a command reads and that do not exist yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from posterity.errors import PosterityError

__all__ = ["prepared"]


def prepared(names: Sequence[str], data: Path, snakefile: Path) -> list[Path]:
    """Return items.parquet of each dataset in the folder ``data``; the workflow makes those that do not exist yet.

    Raises:
        PosterityError: if there is no workflow here, or it cannot make a dataset.
    """
    items = [data / "datasets" / name / "items.parquet" for name in names]
    missing = [str(path) for path in items if not path.exists()]
    if not missing:
        return items
    if not snakefile.is_file():
        raise PosterityError(f"{missing[0]} does not exist; run this in the folder of the workflow, which makes it")
    typer.echo(f"makes first: {', '.join(missing)}", err=True)
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    how = ["--cores", "all", "--config", f"data={data}", "--quiet", "all"]
    done = subprocess.run([snakemake, "-s", str(snakefile), *missing, *how], check=False)
    if done.returncode:
        raise PosterityError(f"{missing[0]} does not exist, and `snakemake {' '.join(missing)}` could not make it")
    return items
