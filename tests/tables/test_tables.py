"""Every table from the made-up experiment: values, intervals, published numbers, reasons."""

from pathlib import Path

import pytest

from posterity import tables
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import table
from posterity.tables.text import number


@pytest.fixture(scope="module")
def built(everything, tmp_path_factory):
    """Name → {(row, column): record}, each table built once."""
    root, done = tmp_path_factory.mktemp("tables"), {}

    def build(name):
        if name not in done:
            path = root / f"{name}.parquet"
            few = {"sampler": ["exact", "dps"]} if name == "kurtosis" else {}  # the others would only cost time
            table.run({"experiment": "e", "table": name, **few}, inputs=everything, output=path)
            done[name] = {(r["row"], r["column"]): r for r in store.read(path, "tables").to_pylist()}
        return done[name]

    return build


@pytest.mark.parametrize(
    "name",
    [n for n in tables.names() if n not in ("restoration", "flash", "vipaint") and not n.startswith("ecg_")],
)  # have files of their own
def test_every_name_is_built(name, built):
    rows = built(name)
    assert rows and all(r["note"] for r in rows.values() if r["value"] is None), "an N/A without a reason"
    assert all(
        r["low"] <= r["value"] + 1e-9 and r["value"] - 1e-9 <= r["high"] for r in rows.values() if r["low"] is not None
    )


def test_names_are_the_files():
    folder = Path(tables.__file__).parent
    shared = {"cells", "frames", "pools", "published", "task_kinds", "text"}
    assert {p.stem for p in folder.glob("[a-z]*.py")} - shared == set(tables.names())


def test_names_are_cheap():
    """Configurations are checked with the names; that must not wait for torch or pandas."""
    import subprocess
    import sys

    code = (
        "import sys, posterity.tables, posterity.figures; print({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_super_resolution(built):
    rows = built("super_resolution")
    cell = rows["faces / sr16 / kernel / ddnm", "diversity"]
    assert cell["value"] == pytest.approx(0.11) and cell["count"] == 3 and cell["published"] == 0.18
    assert 0.0999 < cell["low"] < 0.11 < cell["high"] < 0.1201
    assert rows["faces / sr16 / kernel / ddnm_guided", "lr_psnr"]["published"] == 75.04
    assert "96 px" in rows["faces / sr16 / kernel / ddnm", "niqe"]["note"]
    assert "not consistent" in rows["faces / sr16 / kernel / dps", "lr_psnr"]["note"]
    assert not any("inpaint" in row for row, _ in rows)


def test_what_was_not_run_is_said(built):
    cell = built("inpainting")["animals / inpaint_box / kernel / ddnm", "diversity"]
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
    with pytest.raises(PosterityError, match="'nope' does not exist; choose one of answers"):
        table.run({"experiment": "e", "table": "nope"}, inputs=[], output=tmp_path / "t.parquet")


def test_sweeps(built):
    rows = built("eta_sweep")
    steps = [row for row, c in rows if row.startswith("faces / inpaint_face") and c == "diversity"]
    assert steps == [f"faces / inpaint_face / kernel / dps / D 0.003 / {eta}" for eta in ("0", "0.5", "0.8")]
    assert rows[steps[0], "diversity"]["value"] == pytest.approx(0.11), "eta 0 is the vanilla run"
    rows = built("threshold_sweep")
    steps = [row.split(" / ")[-1] for row, c in rows if row.startswith("faces / sr16") and c == "niqe"]
    assert steps == ["0", "D 0.003", "unlimited"]


def test_subsets_are_compared_with_random(built):
    rows = built("subsets")
    row = "faces / sr16 / kernel / exact / fps"
    assert rows[row, "diversity − random"]["value"] == pytest.approx(0.06)
    assert rows[row, "coverage"]["value"] == pytest.approx(0.3)


def test_exact_posterior_has_the_floor_first(built):
    rows = built("exact_posterior")
    order = list(dict.fromkeys(row.split(" / ")[3] for row, _ in rows))
    assert order[:2] == ["exact", "exact_again"]
    over = rows["faces / sr16 / kernel / dps", "tv − floor"]
    assert over["value"] == pytest.approx(0.1) and over["low"] == pytest.approx(0.1) and over["count"] == 3
    assert rows["faces / sr16 / kernel / ddnm", "tv − floor"]["value"] == pytest.approx(0)
    assert rows["faces / sr16 / kernel / exact_again", "tv"]["value"] == pytest.approx(0.06)


def test_answers_that_the_posterior_does_not_have_are_ruled_out(built):
    rows = built("answers")
    fit = rows["faces / sr16 / kernel / dps", "answers that fit"]
    assert fit["value"] == pytest.approx(0.7**-0.7 * 0.3**-0.3) and fit["count"] == 3
    assert rows["faces / sr16 / kernel / ddnm_guided", "ruled out"]["value"] == pytest.approx(0.25)
    assert rows["faces / sr16 / kernel / ddnm_guided", "ruled out − floor"]["low"] == pytest.approx(0.25)
    assert rows["faces / sr16 / kernel / ddnm", "ruled out"]["value"] == 0


def test_guidance_is_paired(built):
    rows = built("guidance")
    cell = rows["faces / sr16 / kernel / ddnm_guided", "diversity"]
    assert (cell["low"], cell["value"], cell["high"]) == pytest.approx((0.05, 0.05, 0.05)), "items' own spread cancels"
    assert cell["note"] == "higher than plain" and cell["published"] == pytest.approx(0.08)
    assert rows["faces / sr16 / kernel / ddnm_guided", "psnr"]["note"] == "not separated from 0"
    names = {row.rpartition(" / ")[2] for row, _ in rows}
    assert names == {"ddnm_guided", "dps_guided", "dps_eta2", "dps_reach2"}, (
        "runs in wrappers, whatever they are called"
    )


def test_cost(built):
    rows = built("cost")
    assert rows["faces / sr16 / kernel / dps", "evaluations / ddnm"]["value"] == 5.0
    assert rows["faces / sr16 / kernel / dps", "seconds / ddnm"]["value"] == 2.5
    assert rows["animals / inpaint_box / kernel / dps", "seconds / ddnm"]["value"] is None


def test_kurtosis(built):
    rows = built("kurtosis")
    assert {row.split(" / ")[4] for row, _ in rows} == {"pixels", "attributes"}
    normal = rows["faces / inpaint_face / kernel / exact / pixels", "gaussian kurtosis"]
    assert normal["low"] < normal["high"] and 2.6 < normal["value"] < 3.0


def test_toy_distances_are_paired_and_ordered_between_the_bounds(built):
    rows = built("toy_distance")
    order = [row.split(" / ")[2] for row, column in rows if column == "mean" and row.startswith("mixture / 20 ")]
    assert order == ["exact", "exact_score", "mgps", "dps", "prior"]
    dps = {c: rows["mixture / 20 / dps", c] for c in ("mean", "median", "minus mgps", "diverged", "forwards")}
    assert dps["mean"]["value"] == pytest.approx(3.2) and dps["mean"]["low"] < 3.2 < dps["mean"]["high"]
    assert dps["median"]["value"] == pytest.approx(3.2) and dps["forwards"]["value"] == 100
    assert dps["minus mgps"]["value"] == pytest.approx(1) and dps["minus mgps"]["high"] == pytest.approx(1)
    assert dps["diverged"]["value"] == 1 and dps["diverged"]["count"] == 5
    assert ("mixture / 20 / mgps_midpoint", "mean") not in rows


def test_toy_sweeps_name_what_varies(built):
    rows = built("toy_sweeps")
    at = "mixture / 200 / mgps_midpoint / eta, late_eta "
    assert rows[at + "0.5", "mean"]["value"] == pytest.approx(2.0)
    assert rows[at + "1", "mean / best"]["value"] == pytest.approx(2.0)
    assert rows["mixture / 20 / mgps_fits / every_fits 8", "mean"]["value"] == pytest.approx(0.7)


def test_the_wishart_factor_stands_for_long_vectors():
    """Kurtosis of Gaussian pools by their Gram matrix's law, and by drawing the vectors."""
    import numpy as np

    from posterity.features.kurtosis import gaussian_reference
    from posterity.tables.kurtosis import gaussians

    drawn = gaussian_reference(20, 60, 800, np.random.default_rng(1))
    ours = np.array(gaussians(20, 60))
    error = np.hypot(drawn.std(), ours.std()) / np.sqrt(800)
    assert abs(drawn.mean() - ours.mean()) < 4 * error


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "N/A"), (0, "0"), (-3e-6, "0.0000"), (-0.0042, "-0.0042"), (0.123, "0.123"), (144.2, "144")],
)  # fmt: skip
def test_numbers_have_three_digits_and_what_rounds_to_zero_no_sign(value, text):
    assert number(value) == text


def test_text_beside_the_artifact(everything, tmp_path):
    import csv

    out = tmp_path / "quality.parquet"
    table.run({"experiment": "e", "table": "quality", "task": "sr16"}, inputs=everything, output=out)
    rows = list(csv.DictReader((tmp_path / "quality.csv").open()))
    assert len(rows) == len(store.read(out, "tables")) and rows[0]["experiment"] == "e"
    text = (tmp_path / "quality.md").read_text()
    assert "| dataset | task | prior | sampler | psnr | ssim | lpips |" in text and "inpaint" not in text
    assert "| faces | sr16 | kernel | ddnm | 23 [22, 24] (3) |" in text
    assert len({line.count(" | ") for line in text.splitlines() if line.startswith("| ")}) == 1


def test_a_sampler_is_absent_from_tasks_only_under_its_own_priors_and_a_variant_never_is(everything, tmp_path):
    def ran(sampler, method, prior, task):
        path = tmp_path / f"{sampler}.parquet"
        about = {"dataset": "faces", "task": task, "prior": prior, "sampler": sampler, "method": method, "wrappers": ""}
        rows = [about | {"item": i, "sample": 0, "metric": "psnr", "value": 20.0} for i in "abc"]
        store.write(path, "metrics", rows, {})
        return path

    more = ran("psld", "psld", "states", "sr16"), ran("dps_at_3", "dps", "kernel", "sr16")
    out = tmp_path / "quality.parquet"
    table.run({"experiment": "e", "table": "quality"}, inputs=[*everything, *more], output=out)
    rows = {r["row"]: r["note"] for r in store.read(out, "tables").to_pylist() if r["column"] == "psnr"}
    assert rows["animals / inpaint_box / kernel / ddnm"].startswith("N/A: this sampler was not run on this task")
    found = {row for row in rows if row.endswith(("psld", "dps_at_3"))}
    assert found == {"faces / sr16 / states / psld", "faces / sr16 / kernel / dps_at_3"}


def test_interval_is_that_of_the_mean():
    import numpy as np

    from posterity.tables.cells import interval

    x = np.random.default_rng(0).normal(size=200)
    low, high = interval(x)
    half = 1.96 * x.std() / np.sqrt(200)
    assert low == pytest.approx(x.mean() - half, abs=0.02) and high == pytest.approx(x.mean() + half, abs=0.02)
    assert interval([1.0]) == (None, None)


def measurements(path, dataset, task, **definition):
    row = {"dataset": dataset, "task": task, "item": "a", "sigma_y": 0.0}
    store.write(path, "measurements", [row], {"settings": {"task": {"name": task, **definition}}})
    return path


@pytest.mark.parametrize(
    ("name", "definition", "columns"),
    [
        ("inpainting", {"operator": "inpaint", "half": "right"}, {"diversity", "niqe"}),
        ("super_resolution", {"operator": "sr", "factor": 4, "sigma_y": 0.1}, {"diversity", "niqe", "lr_psnr"}),
    ],
)
def test_a_task_is_known_by_its_operator_and_noise_whatever_it_is_called(tmp_path, name, definition, columns):
    run = {"dataset": "faces", "task": "half_face", "prior": "kernel", "sampler": "ddnm", "method": "ddnm"}
    run |= {"wrappers": ""}
    rows = [run | {"item": "a", "metric": m, "value": 10.0} for m in ("diversity", "niqe", "lr_psnr")]
    store.write(tmp_path / "metrics.parquet", "metrics", rows, {"settings": {}})
    files = [tmp_path / "metrics.parquet", measurements(tmp_path / "y.parquet", "faces", "half_face", **definition)]
    table.run({"experiment": "e", "table": name}, inputs=files, output=tmp_path / "table.parquet")
    cells = store.read(tmp_path / "table.parquet", "tables").to_pylist()
    assert {c["row"] for c in cells} == {"faces / half_face / kernel / ddnm"} and {
        c["column"] for c in cells
    } == columns
    # 10 dB would be inconsistent with a measurement without noise
    assert not any("not consistent" in (c["note"] or "") for c in cells)
    other = {"inpainting": "super_resolution", "super_resolution": "inpainting"}[name]
    with pytest.raises(PosterityError, match="none of a task that belongs in this table"):
        table.run({"experiment": "e", "table": other}, inputs=files, output=tmp_path / "other.parquet")


def test_a_task_whose_measurements_are_not_there_is_one_line(tmp_path):
    run = {"dataset": "faces", "task": "t", "prior": "kernel", "sampler": "ddnm", "item": "a", "metric": "niqe"}
    store.write(tmp_path / "metrics.parquet", "metrics", [run | {"value": 1.0}], {"settings": {}})
    with pytest.raises(PosterityError, match="needs measurements artifacts with dataset faces, task t"):
        table.run({"experiment": "e", "table": "inpainting"}, inputs=[tmp_path / "metrics.parquet"],
                  output=tmp_path / "table.parquet")  # fmt: skip


def test_a_sampler_has_its_row_under_its_own_prior_alone(tmp_path):
    """As published: each checkpoint with the samplers that it was run with."""
    files = [measurements(tmp_path / "y.parquet", "faces", "inpaint_face", operator="inpaint", regions=["mouth_large"])]
    for prior, sampler in (("sdedit", "ddnm"), ("repaint", "repaint")):
        run = {"dataset": "faces", "task": "inpaint_face", "prior": prior, "sampler": sampler}
        rows = [run | {"item": item, "metric": m, "value": 0.1} for item in "ab" for m in ("diversity", "niqe")]
        files.append(tmp_path / f"{sampler}.parquet")
        store.write(files[-1], "metrics", rows, {"settings": {}})
    table.run({"experiment": "e", "table": "inpainting"}, inputs=files, output=tmp_path / "table.parquet")
    found = {r["row"] for r in store.read(tmp_path / "table.parquet", "tables").to_pylist()}
    assert found == {"faces / inpaint_face / sdedit / ddnm", "faces / inpaint_face / repaint / repaint"}
