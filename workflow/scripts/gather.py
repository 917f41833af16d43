"""Writes a line for each of the rule's inputs: its path, size and time, so that the list changes with any of them."""

from pathlib import Path

lines = []
for path in map(Path, snakemake.input):  # noqa: F821
    state = path.stat()
    lines.append(f"{path}\t{state.st_size}\t{state.st_mtime_ns}\n")
Path(snakemake.output[0]).write_text("".join(lines), encoding="utf-8")  # noqa: F821
