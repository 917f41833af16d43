"""Looks up the papers' published numbers by the names used here."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from posterity.tables.task_kinds import Task, inpainting, noisy, of_a_face, super_resolution

__all__ = ["digest", "label", "per_run", "restored", "value"]

_LABELS = {"ddrm": "DDRM", "ddnm": "DDNM", "dps": "DPS", "repaint": "RePaint", "mat": "MAT"}
_RESTORED = {"mgps": "MGPS", "dps": "DPS", "pgdm": "PGDM", "ddnm": "DDNM", "diffpir": "DiffPIR", "reddiff": "RED-diff"}
_SUPER_RESOLUTION = {16: "1", 4: "2"}
_FOLDER = Path(__file__).parents[3] / "resources" / "papers"


@cache
def digest() -> str:
    """Return a short hash of all published numbers, whatever the order and layout of their files."""
    content = repr(sorted((k, v) for path in _FOLDER.glob("*.csv") for k, v in _lines(path)))
    return hashlib.sha256(content.encode()).hexdigest()[:8]


@cache
def _numbers() -> dict[tuple[str, str, str, str], float]:
    """Return {(paper, table, row, column): value} of resources/papers; empty if these were not installed."""
    return {k: v for path in sorted(_FOLDER.glob("*.csv")) for k, v in _lines(path)}


def _lines(path: Path) -> Iterator[tuple[tuple[str, str, str, str], float]]:
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["value"]:
                yield (line["paper"], line["table"], line["row"], line["column"]), float(line["value"])


def label(method: str, wrappers: str) -> str:
    """Return the label that the paper prints, e.g. ``DDRM + guidance`` for ddrm wrapped in diversity."""
    around = {"": "", "diversity": " + guidance"}
    return _LABELS.get(method, method) + around.get(wrappers, f" + {wrappers}")


def value(table: str, row: str, column: str, paper: str = "cohen2024") -> float | None:
    """Return one published number; None if there is none."""
    return _numbers().get((paper, table, row, column))


def per_run(task: Task, method: str, wrappers: str, metric: str) -> float | None:
    """Return a number from Cohen et al.'s Tables 1-3: ×16 on faces, ×4 on natural images, regions of faces, boxes."""
    name = label(method, wrappers)
    if super_resolution(task) and task["factor"] in _SUPER_RESOLUTION:
        noise = "noisy" if noisy(task) else "noiseless"
        return value(_SUPER_RESOLUTION[task["factor"]], name, f"{noise} / {metric}")
    if not inpainting(task) or noisy(task):
        return None
    data = "CelebAMask-HQ" if of_a_face(task) else "PartImageNet" if {"box", "objects"} & set(task) else None
    return value("3", name, f"{data} / {metric}") if data else None


def restored(problem: str, method: str, metric: str, *, natural: bool) -> float | None:
    """Return a number from Janati et al. 2025, Tables 8 and 7 (FFHQ), or 9 and 7 (ImageNet) if ``natural``.

    ``problem`` is the paper's name of the task; MGPS is the variant with 300 steps, as in Table 2.
    """
    if method not in _RESTORED:
        return None
    data, table = ("ImageNet", "9") if natural else ("FFHQ", "8")
    name = "MGPS300" if method == "mgps" else _RESTORED[method]
    return value("7" if metric == "fid" else table, f"{data} / {name}", f"{problem} / {metric}", "janati2025")
