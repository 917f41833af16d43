"""Janati et al.'s Tables 2, 8 and 9: ten inverse problems by every sampler."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posterity.capabilities import capabilities, in_words, missing
from posterity.tables import _runs, published
from posterity.tables.cells import Cell, item_means, join, mean_cell
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "PROBLEMS", "ROWS", "SAMPLERS", "TITLE", "best", "cells"]

ROWS = ("dataset", "prior", "metric", "task")
TITLE = "Ten inverse problems"
CAPTION = (
    "Means over the items of each item's samples: LPIPS from the truth (VGG; lower is nearer), PSNR in dB, SSIM (per "
    "channel on RGB, Gaussian window, data range 1; `ssim_zeros`, the paper's, continues the image with zeros), RMS "
    "residual of the measurement over σ_y (1 where a restoration agrees with y, less where it fits the noise too), "
    "FID. Of phase retrieval the best of an item's samples by LPIPS. Published: Janati et al. 2025, "
    "Table 8 (FFHQ) beside faces, Table 9 (ImageNet) beside photographs, 256×256, trained networks, AlexNet's LPIPS, "
    "MGPS with 300 steps as in Table 2; FID of 1000 images is Table 7's. Ours are other images under another "
    "prior: what can be compared is the order of methods."
)
PROBLEMS = {
    "pool4": "SR (x4)", "pool16": "SR (x16)", "inpaint_centre_noisy": "Box inpainting",
    "inpaint_half_noisy": "Half mask", "deblur_gauss": "Gaussian deblur", "deblur_gauss_256": "Gaussian deblur",
    "deblur_gauss_svd_256": "Gaussian deblur", "deblur_motion": "Motion deblur", "deblur_motion_256": "Motion deblur",
    "jpeg2": "JPEG (QF = 2)", "phase": "Phase retrieval", "deblur_nonlinear": "Nonlinear deblur",
    "deblur_spatial": "", "hdr": "High dynamic range",
}  # fmt: skip
"""Tasks in the paper's order with the paper's name; none of its has that of deblur_spatial."""
SAMPLERS = (
    "exact", "exact_again", "mgps", "dps", "pgdm", "ddnm", "ddrm", "diffpir", "reddiff", "reddiff_v", "copaint",
    "copaint_tt",
)  # fmt: skip
"""Those that come first, in this order."""
_METRICS = ("lpips", "psnr", "ssim", "ssim_zeros", "residual / σ_y", "fid")
_STAND_IN = (
    "N/A: the published blur is a network whose weights (GOPRO_wVAE.pth) people bring; deblur_spatial, which needs "
    "none, stands in and is another operator"
)


def cells(frames: Frames) -> list[Cell]:
    """Metric by metric a row for every task; a column for every sampler of the project."""
    rows = _runs.shown(frames.frame("metrics"))
    rows = rows[rows["task"].isin(PROBLEMS)]
    if rows.empty:
        raise frames.missing("metrics", none="of one of the ten problems")
    methods, lacking = _methods(frames), _lacking(frames)
    names = _columns(methods)
    groups = dict(iter(rows.groupby(["dataset", "prior", "task", "sampler"])))
    measured, out = set(rows["metric"]), []
    for dataset, prior in dict.fromkeys(key[:2] for key in groups):
        found = [task for task in PROBLEMS if any(key[:3] == (dataset, prior, task) for key in groups)]
        tasks = [t for t in PROBLEMS if t in found or (t == "deblur_nonlinear" and "deblur_spatial" in found)]
        for metric in (m for m in _METRICS if m != "ssim_zeros" or m in measured):
            for task in tasks:
                for name in names:
                    method = methods.get(name, name)
                    paper = _published(task, method, metric, measured, natural=dataset == "photos")
                    row = (dataset, prior, metric, task)
                    if (dataset, prior, task, name) in groups:
                        own = groups[dataset, prior, task, name]
                        out.append(replace(_cell(frames, row, metric, own), column=name, published=paper))
                    else:
                        why = _STAND_IN if task not in found else lacking(task, method)
                        out.append(Cell(row, name, count=0, published=paper, note=why))
    return out


def _published(task: str, method: str, metric: str, measured: Collection[str], *, natural: bool) -> float | None:
    """The paper's SSIM stands beside the definition that is its own, where we have measured that."""
    if metric == "ssim" and "ssim_zeros" in measured:
        return None
    return published.restored(PROBLEMS[task], method, metric.removesuffix("_zeros"), natural=natural)


def _cell(frames: Frames, row: tuple[str, ...], metric: str, rows: pd.DataFrame) -> Cell:
    of = rows[rows["metric"] == ("residual_rms" if metric.startswith("residual") else metric)]
    if metric == "fid":
        value = of["value"].dropna()
        told = "; ".join(of["reason"].dropna().unique()) or "N/A: not measured"
        return Cell(row, metric, float(value.iloc[0])) if len(value) else Cell(row, metric, count=0, note=told)
    if metric.startswith("residual"):
        sigma = _sigma_y(frames, row[0], row[3])
        of = of.assign(value=of["value"] / sigma) if sigma > 0 else of
    note = None
    if row[3] == "phase":
        by_residual = item_means(of.merge(best(rows, "residual_rms"))).mean()
        of = of.merge(best(rows))
        samples = rows["sample"].nunique()
        note = f"best of {samples} by LPIPS; by the residual alone {by_residual:.3g}" if samples > 1 else None
    cell = mean_cell(row, metric, of)
    return replace(cell, note=join(cell.note, note))


def best(rows: pd.DataFrame, metric: str = "lpips") -> pd.DataFrame:
    """Return (item, sample) with the least value of ``metric`` among an item's samples."""
    of = rows[(rows["metric"] == metric) & rows["value"].notna()]
    return of.loc[of.groupby("item")["value"].idxmin(), ["item", "sample"]]


def _methods(frames: Frames) -> dict[str, str]:
    """Sampler → its method."""
    return {a.key["sampler"]: _settings(a)["sampler"]["method"] for a in frames.of("samples")}


def _columns(methods: Mapping[str, str]) -> list[str]:
    """Return what was run in the house's order, then the methods that were not."""
    from posterity import samplers

    known = [s for s in SAMPLERS if s in methods]
    others = sorted(set(methods) - set(known))
    return [*known, *others, *(m for m in samplers.names() if m not in methods.values())]


def _lacking(frames: Frames) -> Any:
    """(task, method) → why there is no run of it."""
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
    """Return (shape of a signal, the operator's own parameters) of a measurement's row."""
    from safetensors.torch import load

    return tuple(row["signal_shape"]), load(row["parameters"]) if row["parameters"] else {}


def _sigma_y(frames: Frames, dataset: str, task: str) -> float:
    return float(frames.frame("measurements", ("sigma_y",), dataset=dataset, task=task)["sigma_y"].iloc[0])


def _settings(artifact: Any) -> dict[str, Any]:
    found: dict[str, Any] = artifact.about["origin"]["settings"]
    return found
