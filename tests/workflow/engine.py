"""Snakemake's command line in a process of its own, which does not import it again: that takes longer than most plans.

A server process has imported it once, and forks for every call.
"""

from __future__ import annotations

import os
import runpy
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess

__all__ = ["ROOT", "snakemake"]

ROOT = Path(__file__).parents[2]
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["snakemake.cli", "pandas", "posterity.configuration"])


def snakemake(folder: Path, *words: object, environment: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run snakemake in ``folder`` with the repository's Snakefile."""
    command = ["snakemake", "-s", str(ROOT / "Snakefile"), *map(str, words)]
    with tempfile.TemporaryDirectory() as place:
        said = [Path(place, name) for name in ("out", "err")]
        given = {"FOLDER": str(folder), "WORDS": command, "SAID": [str(p) for p in said],
                 "ENVIRONMENT": {**os.environ, **(environment or {})}}  # fmt: skip
        process = _CONTEXT.Process(target=runpy.run_path, args=(__file__, given, "__main__"))
        process.start()
        process.join()
        out, err = (p.read_text(errors="replace") for p in said)
    assert process.exitcode is not None
    return CompletedProcess(command, process.exitcode, out, err)


def _here(folder: str, words: list[str], said: list[str], environment: Mapping[str, str]) -> None:
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    from snakemake.cli import main

    main()


if __name__ == "__main__":
    _here(FOLDER, WORDS, SAID, ENVIRONMENT)  # type: ignore[name-defined] # noqa: F821 - what run_path was given
