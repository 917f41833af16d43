"""Writes a benchmark's rows as a table in the terminal, a Parquet file and a figure."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch
from matplotlib import pyplot as plt
from rich.console import Console
from rich.table import Table

__all__ = ["shown", "written"]

FOLDER = Path(__file__).parent / "results"

TARGETS = {"overhead": ("ratio", 1.03), "own": ("own ms", 1.0), "guided": ("share", 0.01), "kernel": ("ratio", None),
           "stages": ("cpu s", 3.0), "precision": ("time", None)}  # fmt: skip
"""{benchmark: (column that the figure draws, target that it should stay below)}."""


def shown(name: str, rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Print the rows as they come and as a table at the end, and return them."""
    console, found = Console(width=120), []
    for row in rows:
        found.append(row)
        console.print(f"{name}: {' '.join(str(v) for v in row.values() if isinstance(v, str))}", style="dim")
    table = Table(*found[0], title=name)
    for row in found:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)
    return found


def written(name: str, rows: list[dict[str, object]]) -> None:
    """Write ``NAME.parquet``, which records the hardware, and a figure with one bar per row."""
    FOLDER.mkdir(exist_ok=True)
    frame = pd.DataFrame(rows)
    measured = {"torch": torch.__version__, "threads": torch.get_num_threads(), "machine": platform.processor()}
    frame.assign(**measured).to_parquet(FOLDER / f"{name}.parquet", compression="zstd")
    if name in PICTURES:
        PICTURES[name](frame)
    if name not in TARGETS:
        return
    column, target = TARGETS[name]
    names = frame.select_dtypes("object").agg(" ".join, axis=1)
    labels = names if {"method", "stage"} & {*frame} else frame["rows"].astype(str)
    figure, axes = plt.subplots(figsize=(7, 0.3 * len(frame) + 1), layout="constrained")
    axes.barh(labels, frame[column])
    if target is not None:
        axes.axvline(target, color="black", linestyle="--", label=f"target {target}")
        axes.legend()
    axes.invert_yaxis()
    axes.set_xlabel(column)
    figure.savefig(FOLDER / f"{name}.svg")
    plt.close(figure)


def _planning(frame: pd.DataFrame) -> None:
    """Draw CPU seconds and memory against the number of jobs, with separate points for all papers."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for plan, target, colour in (("from nothing", 10, "C0"), ("nothing to do", 6, "C1")):
        rows = frame[frame["plan"] == plan]
        sizes, papers = rows[rows["workflow"] != "all papers"], rows[rows["workflow"] == "all papers"]
        for axes, column in zip(panels, ("cpu s", "MiB"), strict=True):
            axes.plot(sizes["jobs"], sizes[column], "o-", color=colour, label=plan)
            axes.plot(papers["jobs"], papers[column], "*", color=colour, markersize=12)
        panels[0].axhline(target, color=colour, linestyle=":", linewidth=1)
    panels[1].axhline(512, color="black", linestyle=":", linewidth=1)
    for axes, name in zip(panels, ("CPU seconds", "MiB"), strict=True):
        axes.set(xscale="log", yscale="log", xlabel="jobs", ylabel=name)
    panels[0].legend(title="stars: all papers; dotted: targets")
    figure.savefig(FOLDER / "planning.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _makespan(frame: pd.DataFrame) -> None:
    """Draw the makespan in hours and the idle share of the GPUs against their number, for each cut."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    planned = frame[frame["order"] == "as planned"]
    for cut, rows in planned.groupby("cut", sort=False):
        panels[0].plot(rows["GPUs"], rows["makespan h"], "o-", markersize=3, label=cut)
        panels[1].plot(rows["GPUs"], 100 * rows["idle"], "o-", markersize=3)
    panels[0].set(xscale="log", yscale="log", xlabel="GPUs", ylabel="makespan, hours")
    panels[1].set(xscale="log", xlabel="GPUs", ylabel="idle, %", ylim=(0, 100))
    panels[0].legend()
    figure.savefig(FOLDER / "makespan.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _throughput(frame: pd.DataFrame) -> None:
    """Draw restored rows per second against the batch size, beside the bare evaluations."""
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    for number, (method, rows) in enumerate(frame.groupby("method", sort=False)):
        axes.plot(rows["rows"], rows["rows/s"], "o-", color=f"C{number}", label=method)
        axes.plot(rows["rows"], rows["bare rows/s"], "--", color=f"C{number}", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="rows of a batch", ylabel="rows / s")
    axes.legend(title="dashed: the network alone")
    figure.savefig(FOLDER / "throughput.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


PICTURES = {"planning": _planning, "makespan": _makespan, "throughput": _throughput}
"""Drawing functions of the figures that are not bar charts."""
