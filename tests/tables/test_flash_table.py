"""The table of late starts, from runs of the stages themselves: starts, calls, and differences paired by item."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from posterity import tables
from posterity.artifacts import store
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.stages import measure, sample, severity
from posterity.tables.frames import Frames

sys.path.append(str(Path(__file__).parents[1] / "stages"))
import sampling_job  # noqa: E402

KINDS = {"exact": {}, "fixed": {"time": 300}}
WRAPS = {
    "plain": [],
    "late": [{"flash": {"severity": "exact", "c": 1.0, "init": "calibrated", "multiplier": 1.0}}],
    "clamped": [{"flash": {"severity": "fixed", "c": 2.0, "init": "paper", "multiplier": 1.0}}],
    "estimate": [{"flash": {"severity": "exact", "c": None, "init": "paper", "multiplier": 0.0}}],
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = sampling_job.inputs(tmp_path_factory.mktemp("late"), "abcd", 16)
    given = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS}
    asked = sampling_job.settings(steps=20, samples=2)
    made = {"measurements": given["measurements"]}
    about = {k: asked[k] for k in ("dataset", "task", "prior")}
    for kind, own in KINDS.items():
        made[kind] = folder / f"severity-{kind}.parquet"
        severity.run(about | {"severity": {"name": kind, "kind": kind, **own}}, **given, output=made[kind])
    told = store.read(made["exact"], "severity")["v_hat"].to_pylist()
    schedule, v = Schedule.linear(), sum(told) / len(told)
    at = min(range(1000), key=lambda time: abs(1 / schedule.level(time).snr - v))
    alike = {"alike": [{"flash": WRAPS["late"][0]["flash"] | {"time": at}}]}
    for name, wrap in (WRAPS | alike).items():
        asked["sampler"] = {"name": name, "method": "dps", "settings": {"steps": 20, "scale": 0.5}, "wrap": wrap}
        made[name], found = folder / f"{name}.parquet", [one["flash"]["severity"] for one in wrap]
        sample.run(asked, **given, severity=made[found[0]] if found else None, output=made[name])
        made[f"{name} metrics"] = folder / f"{name}-metrics.parquet"
        rest = dict.fromkeys(("subsets", "posterior", "reference"))
        measure.run(
            {"count": 2, "metrics": ["psnr"]}, samples=made[name], measurements=given["measurements"], assets=folder,
            output=made[f"{name} metrics"], **rest,
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def cells(paths):
    found = tables.find("flash").cells(Frames(paths.values(), "table flash"))
    return {(cell.row[3], cell.column): cell for cell in found}


def test_starts_and_calls_are_those_of_the_rows(cells, paths):
    rows = store.read(paths["late"], "samples").to_pylist()
    assert cells["late", "start"].value == cells["late", "calls"].value == sum(r["start"] for r in rows) / len(rows) > 0
    assert cells["late", "plain / calls"].value == pytest.approx(20 / cells["late", "calls"].value)
    assert (cells["late", "start − exact"].value, cells["estimate", "calls"].value) == (0, 0)
    gap = cells["clamped", "start"].value - cells["late", "start"].value
    assert cells["clamped", "start − exact"].value == pytest.approx(gap) and gap > 0
    assert "no call was made" in cells["estimate", "plain / calls"].note
    assert {row for row, _ in cells} == {"late", "clamped", "estimate", "alike"}


def test_quality_is_paired_with_the_plain_run_and_the_best_fixed_start(cells, paths):
    means = {}
    for name in (*WRAPS, "alike"):
        found = store.read(paths[f"{name} metrics"], "metrics").to_pylist()
        values = [r["value"] for r in found if r["metric"] == "psnr" and r["subset"] is None]
        means[name] = sum(values) / len(values)
    assert cells["late", "psnr"].value == pytest.approx(means["late"])
    assert cells["late", "psnr − plain"].value == pytest.approx(means["late"] - means["plain"])
    best = max("clamped", "alike", key=lambda name: means[name])
    assert cells["late", "psnr − best fixed"].value == pytest.approx(means["late"] - means[best])
    assert cells["late", "psnr − best fixed"].note == f"from {best}"
    assert abs(cells["alike", "calls"].value - cells["late", "calls"].value) <= 0.5 < cells["clamped", "calls"].value
    assert cells["late", "psnr − fixed alike"].value == pytest.approx(means["late"] - means["alike"])
    assert "takes about as many calls" in cells["clamped", "psnr − fixed alike"].note
    assert ("late", "lpips") not in cells


def test_severities_are_told_beside(cells, paths):
    rows = store.read(paths["exact"], "severity").to_pylist()
    assert cells["late", "v̂"].value == pytest.approx(sum(r["v_hat"] for r in rows) / 4)
    assert cells["late", "v̄"].value == pytest.approx(sum(r["v_bar"] for r in rows) / 4)
    ratio = sum(r["v_hat"] for r in rows) / sum(r["v_bar"] for r in rows)
    assert cells["late", "v̂ / v̄"].value == pytest.approx(ratio) and cells["late", "v̂"].note is None
    assert (cells["clamped", "clamped"].value, cells["late", "clamped"].value) == (1, 0)
    assert "same variance for all" in cells["clamped", "r(v̂, v̄)"].note


def test_without_a_late_start_there_is_no_table(paths):
    with pytest.raises(PosterityError, match="none of a run that begins late"):
        tables.find("flash").cells(Frames([paths["plain"], paths["plain metrics"]], "table flash"))
