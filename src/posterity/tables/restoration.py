"""Ten inverse problems with every sampler (Janati et al. 2025, Tables 2, 8 and 9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posterity.capabilities import capabilities, in_words, missing
from posterity.tables import _runs, published, task_kinds
from posterity.tables.cells import Cell, item_means, join, mean_cell
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "SAMPLERS", "TITLE", "best", "cells"]

NEEDS = ("ten_problems",)
ROWS = ("dataset", "prior", "metric", "task")
TITLE = "Ten inverse problems"
CAPTION = (
    "Means over the items of each item's samples: LPIPS from the truth (VGG; lower is nearer), PSNR in dB, SSIM (per "
    "channel on RGB, Gaussian window, data range 1; `ssim_zeros`, the paper's, continues the image with zeros), RMS "
    "residual of the measurement over σ_y (1 where a restoration agrees with y, less where it fits the noise too), "
    "FID. For phase retrieval, the best of an item's samples by LPIPS. Published: Janati et al. 2025, "
    "Table 8 (FFHQ) beside faces, Table 9 (ImageNet) beside photographs, 256×256, trained networks, AlexNet's LPIPS, "
    "MGPS with 300 steps as in Table 2; FID of 1000 images is Table 7's. Ours are other images under another "
    "prior: what can be compared is the order of methods."
)
SAMPLERS = (
    "exact", "exact_again", "mgps", "dps", "pgdm", "ddnm", "ddrm", "diffpir", "reddiff", "reddiff_v", "copaint",
    "copaint_tt",
)  # fmt: skip
"""Methods that come first, in this order."""
_PHASE, _NONLINEAR = "Phase retrieval", "Nonlinear deblur"
_METRICS = ("lpips", "psnr", "ssim", "ssim_zeros", "residual / σ_y", "fid")
_STAND_IN = (
    "N/A: the published blur is a network whose weights (GOPRO_wVAE.pth) people bring; deblur_spatial, which needs "
    "none, stands in and is another operator"
)


def cells(frames: Frames) -> list[Cell]:
    """Return, metric by metric, one row per task and one column per sampler."""
    rows = _runs.shown(frames.frame("metrics"))
    problems = _problems(frames, rows)
    if not problems:
        raise frames.missing("metrics", none="of one of the ten problems")
    methods, lacking = _methods(frames), _lacking(frames)
    names = _columns(methods)
    groups = dict(iter(rows.groupby(["dataset", "prior", "task", "sampler"])))
    measured, out = set(rows["metric"]), []
    for dataset, prior in dict.fromkeys(key[:2] for key in groups if (key[0], key[2]) in problems):
        named = {t: p for (d, t), p in problems.items() if d == dataset and any(k[:3] == (d, prior, t) for k in groups)}
        for metric in (m for m in _METRICS if m != "ssim_zeros" or m in measured):
            for task, problem in _in_order(named):
                for name in names:
                    method = methods.get(name, name)
                    paper = _published(problem, method, metric, measured, natural=dataset == "photos")
                    row = (dataset, prior, metric, task)
                    if (dataset, prior, task, name) in groups:
                        own = groups[dataset, prior, task, name]
                        cell = _cell(frames, row, metric, own, phase=problem == _PHASE)
                        out.append(replace(cell, column=name, published=paper))
                    else:
                        why = lacking(task, method) if task in named else _STAND_IN
                        out.append(Cell(row, name, count=0, published=paper, note=why))
    return out


def _problems(frames: Frames, rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return {(dataset, task): the paper's name} of tasks that are one of the ten problems."""
    places = rows[["dataset", "task"]].drop_duplicates().itertuples(index=False, name=None)
    found = {(d, t): task_kinds.problem(frames.task({"dataset": d, "task": t})) for d, t in places}
    return {place: name for place, name in found.items() if name is not None}


def _in_order(named: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (task, the paper's name) in the paper's order; a problem that has a stand-in keeps its own row."""
    shown = dict(named)
    if task_kinds.STAND_IN in named.values() and _NONLINEAR not in named.values():
        shown[_NONLINEAR] = _NONLINEAR
    order = list(task_kinds.TEN)
    return sorted(shown.items(), key=lambda one: order.index(one[1]))


def _published(problem: str, method: str, metric: str, measured: Collection[str], *, natural: bool) -> float | None:
    """Return the published number; the paper's SSIM belongs to `ssim_zeros`, its definition, if that was measured."""
    if metric == "ssim" and "ssim_zeros" in measured:
        return None
    return published.restored(problem, method, metric.removesuffix("_zeros"), natural=natural)


def _cell(frames: Frames, row: tuple[str, ...], metric: str, rows: pd.DataFrame, *, phase: bool) -> Cell:
    of = rows[rows["metric"] == ("residual_rms" if metric.startswith("residual") else metric)]
    if metric == "fid":
        value = of["value"].dropna()
        told = "; ".join(of["reason"].dropna().unique()) or "N/A: not measured"
        return Cell(row, metric, float(value.iloc[0])) if len(value) else Cell(row, metric, count=0, note=told)
    if metric.startswith("residual"):
        sigma = _sigma_y(frames, row[0], row[3])
        of = of.assign(value=of["value"] / sigma) if sigma > 0 else of
    note = None
    if phase:
        by_residual = item_means(of.merge(best(rows, "residual_rms"))).mean()
        of = of.merge(best(rows))
        samples = rows["sample"].nunique()
        note = f"best of {samples} by LPIPS; by the residual alone {by_residual:.3g}" if samples > 1 else None
    cell = mean_cell(row, metric, of)
    return replace(cell, note=join(cell.note, note))


def best(rows: pd.DataFrame, metric: str = "lpips") -> pd.DataFrame:
    """Return the (item, sample) with the smallest ``metric`` among each item's samples."""
    of = rows[(rows["metric"] == metric) & rows["value"].notna()]
    return of.loc[of.groupby("item")["value"].idxmin(), ["item", "sample"]]


def _methods(frames: Frames) -> dict[str, str]:
    """Return {sampler: its method}."""
    return {a.key["sampler"]: _settings(a)["sampler"]["method"] for a in frames.of("samples")}


def _columns(methods: Mapping[str, str]) -> list[str]:
    """Return the samplers that were run in the project's order, then the methods that were not run."""
    from posterity import samplers

    known = [s for s in SAMPLERS if s in methods]
    others = sorted(set(methods) - set(known))
    return [*known, *others, *(m for m in samplers.names() if m not in methods.values())]


def _lacking(frames: Frames) -> Any:
    """Return a function (task, method) → why there is no such run."""
    from posterity import samplers
    from posterity.operators.build import build

    has: dict[str, frozenset[str]] = {}
    for a in frames.of("measurements"):
        task = _settings(a)["task"]
        one = frames.frame("measurements", ("signal_shape", "parameters"), **a.key).iloc[0]
        operator = build(task, *_shapes(one))
        has[task["name"]] = capabilities((), operator.has, task["sigma_y"])

    def why(task: str, method: str) -> str:
        wanted = samplers.find(method).needs if method in samplers.names() else frozenset[str]()
        lack = missing(wanted, has.get(task, ()))
        return f"N/A: needs {in_words(lack)}" if lack else _runs.NOT_RUN

    return why


def _shapes(row: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return (signal shape, operator parameters) of a row of the measurements."""
    from safetensors.torch import load

    return tuple(row["signal_shape"]), load(row["parameters"]) if row["parameters"] else {}


def _sigma_y(frames: Frames, dataset: str, task: str) -> float:
    return float(frames.frame("measurements", ("sigma_y",), dataset=dataset, task=task)["sigma_y"].iloc[0])


def _settings(artifact: Any) -> dict[str, Any]:
    found: dict[str, Any] = artifact.about["origin"]["settings"]
    return found
