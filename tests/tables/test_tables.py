"""Every table from the made-up experiment: values, intervals, published numbers, reasons."""

from pathlib import Path

import pytest

from posterity import tables
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import table


@pytest.fixture(scope="module")
def built(everything, tmp_path_factory):
    """Name → {(row, column): record}, each table built once."""
    root, done = tmp_path_factory.mktemp("tables"), {}

    def build(name):
        if name not in done:
            path = root / f"{name}.parquet"
            table.run({"experiment": "e", "table": name}, inputs=everything, output=path)
            done[name] = {(r["row"], r["column"]): r for r in store.read(path, "tables").to_pylist()}
        return done[name]

    return build


@pytest.mark.parametrize("name", tables.NAMES)
def test_every_name_is_built(name, built):
    rows = built(name)
    assert rows and all(r["note"] for r in rows.values() if r["value"] is None), "an N/A without a reason"
    assert all(
        r["low"] <= r["value"] + 1e-9 and r["value"] - 1e-9 <= r["high"] for r in rows.values() if r["low"] is not None
    )


def test_names_are_the_files():
    folder = Path(tables.__file__).parent
    shared = {"__init__", "cells", "frames", "published", "text"}
    assert {p.stem for p in folder.glob("[a-z]*.py")} - shared == set(tables.NAMES)


def test_super_resolution(built):
    rows = built("super_resolution")
    cell = rows["faces / sr16 / kernel / ddnm", "diversity"]
    assert cell["value"] == pytest.approx(0.11) and cell["count"] == 3 and cell["published"] == 0.18
    assert 0.10 <= cell["low"] < 0.11 < cell["high"] <= 0.12
    assert rows["faces / sr16 / kernel / ddnm_guided", "lr_psnr"]["published"] == 75.04
    assert "96 px" in rows["faces / sr16 / kernel / ddnm", "niqe"]["note"]
    assert "not consistent" in rows["faces / sr16 / kernel / dps", "lr_psnr"]["note"]
    assert not any("inpaint" in row for row, _ in rows)


def test_what_was_not_run_is_said(built):
    cell = built("inpainting")["photos / inpaint_box / kernel / ddnm", "diversity"]
    assert cell["value"] is None and "not run" in cell["note"] and cell["published"] == 0.07


def test_missing_inputs_are_named_in_one_line(experiment, tmp_path):
    with pytest.raises(
        PosterityError, match="table quality needs metrics artifacts; the inputs hold measurements"
    ) as error:
        table.run(
            {"experiment": "e", "table": "quality"}, inputs=experiment["measurements"], output=tmp_path / "t.parquet"
        )
    assert "\n" not in str(error.value)
    with pytest.raises(PosterityError, match="with dataset nowhere"):
        settings = {"experiment": "e", "table": "quality", "dataset": "nowhere"}
        table.run(settings, inputs=experiment["metrics"], output=tmp_path / "t.parquet")
    with pytest.raises(PosterityError, match="'nope' does not exist; choose one of super_resolution"):
        table.run({"experiment": "e", "table": "nope"}, inputs=[], output=tmp_path / "t.parquet")
