"""Writes a restored ECG into a folder atomically: WFDB records, a sheet, values, a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import posterity
from posterity.ecg import files, paper
from posterity.ecg.leads import STANDARD
from posterity.front import saving, sheets
from posterity.front.ecg.restoring import Restored
from posterity.report import restored

__all__ = ["save"]

_RANGE = (0.05, 0.95)
_STEP = 1e-6
"""Precision of written values in mV: a thousandth of a microvolt."""


def save(found: Restored, folder: Path, *, number: int, subset: str, command: str = "") -> Path:
    """Write ``number`` draws chosen by a rule, the mean of all draws, the sheet, the values and the page.

    Patient information in the input file is not written.

    Arguments:
        found: the restored record.
        folder: folder to write; see :func:`posterity.front.saving.save`.
        number: number of draws written as records.
        subset: rule that chooses them.
        command: the command that makes the folder again.

    Returns:
        The path of the page.
    """
    few = found.pool.subset(subset, number) if number < len(found.pool) else found.pool
    numbers = list(few.numbers) or list(range(len(few)))
    # the sheet shows the first two individually
    first = [*numbers, *(n for n in range(len(found.draws)) if n not in numbers)]
    title = f"{', '.join(found.leads)} restored from what was measured"
    sheet = paper.sheet(found.record, [found.drawn(n) for n in first], title=title)
    told = {"posterity": posterity.__version__, "command": command, "shown": numbers, "subset": subset,
            "restored": list(found.leads), "remarks": list(found.remarks), "notice": paper.NOTICE,
            **{key: value for key, value in found.pool.about.items() if key not in ("item", "subset")}}  # fmt: skip
    with saving.whole(folder) as beside:
        for n in numbers:
            files.write(found.drawn(n), beside / f"sample_{n}.hea")
        files.write(found.mean, beside / "mean.hea")
        for ending in ("pdf", "svg", "png"):
            paper.save(sheet, beside / f"sheet.{ending}")
        (beside / "values.csv").write_text(_values(found), encoding="utf-8")
        settings = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False)
        (beside / saving.MARK).write_text(settings, encoding="utf-8")
        picture = sheets.uri((beside / "sheet.png").read_bytes())
        names = sorted(path.name for path in beside.iterdir())
        facts = _facts(found, numbers, subset)
        about = restored.Sheet(title, picture, paper.NOTICE, found.remarks, facts, names, command)
        page = restored.render_ecg(about)
        (beside / saving.PAGE).write_text(page, encoding="utf-8")
    return folder / saving.PAGE


def _values(found: Restored) -> str:
    """Return CSV with one line per sample: time, measured values, and mean and range of the draws for restored ones."""
    columns: list[tuple[str, np.ndarray]] = [("time_s", np.arange(found.measured.shape[1]) / found.record.rate)]
    low, high = np.quantile(found.draws, _RANGE, axis=0)
    for row, (lead, mean) in enumerate(zip(STANDARD, found.draws.mean(0), strict=True)):
        columns.append((f"{lead}_mV", mean))
        if lead in found.leads:
            gap = found.gaps[row]
            columns += [(f"{lead}_p05_mV", np.where(gap, low[row], np.nan)),
                        (f"{lead}_p95_mV", np.where(gap, high[row], np.nan))]  # fmt: skip
    text = io.StringIO()
    text.write(f"# {paper.NOTICE}. Where p05 and p95 are given, the value was restored and is the mean of the draws.\n")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([name for name, _ in columns])
    for values in np.stack([column for _, column in columns], axis=1):
        lines.writerow(["" if np.isnan(value) else f"{round(value / _STEP) * _STEP:.10g}" for value in values])
    return text.getvalue()


def _facts(found: Restored, numbers: Sequence[int], subset: str) -> list[tuple[str, str]]:
    about, sampler = found.pool.about, found.pool.about["sampler"]
    settings = ", ".join(f"{k} {v}" for k, v in sampler["settings"].items())
    wholly = [lead for lead, row in zip(STANDARD, found.gaps, strict=True) if row.all()]
    partly = [lead for lead in found.leads if lead not in wholly]
    kept = [lead for lead in STANDARD if lead not in found.leads]
    chosen = f"{len(numbers)} of {len(found.draws)}"
    chosen += f", chosen by {subset}" if len(numbers) < len(found.draws) else ""
    facts = [("measured or exact", ", ".join(kept)), ("restored", ", ".join(wholly)),
             ("restored in part", ", ".join(partly)), ("samples", chosen), ("prior", about["prior"]),
             ("about the prior", about["about"]), ("noise of the measurement", f"{about['sigma_y']:g} mV"),
             ("sampler", sampler["name"]), ("its settings", settings), ("seed", str(about["seed"])),
             ("rate", f"{found.record.rate:g} per second, restored at {found.pool.measurement.kind.rate:g}"),
             ("posterity", posterity.__version__)]  # fmt: skip
    return [(term, value) for term, value in facts if value]
