"""The table of the ten inverse problems: order, best of four, published numbers, and why a cell is empty."""

import runpy
from pathlib import Path

import pytest

from posterity.artifacts import store
from posterity.stages import table
from posterity.tables import published, task_kinds

_PROBLEMS = runpy.run_path(str(Path(__file__).parent / "made.py"))["problems"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("problems")
    path = root / "restoration.parquet"
    table.run({"experiment": "e", "table": "restoration"}, inputs=_PROBLEMS(root), output=path)
    return {(r["row"], r["column"]): r for r in store.read(path, "tables").to_pylist()}


def test_means_and_published_numbers(rows):
    cell = rows["faces / kernel / lpips / pool4", "mgps"]
    assert cell["value"] == pytest.approx(0.3) and cell["count"] == 3 and cell["published"] == 0.09
    assert rows["faces / kernel / ssim / pool4", "ddnm"]["published"] == 0.85
    assert rows["faces / kernel / residual / σ_y / pool4", "mgps"]["value"] == pytest.approx(2.0)


def test_phase_retrieval_is_the_best_by_lpips_and_says_what_the_residual_alone_would_choose(rows):
    cell = rows["faces / kernel / psnr / phase", "mgps"]
    assert cell["value"] == pytest.approx(20) and "by the residual alone 22" in cell["note"]
    assert rows["faces / kernel / psnr / pool4", "mgps"]["value"] == pytest.approx(21), "other problems are means"


@pytest.mark.parametrize(
    ("task", "sampler", "why"),
    [
        ("phase", "ddnm", "N/A: needs a pseudo-inverse and a singular value decomposition"),
        ("phase", "exact", "N/A: needs a prior whose posterior for this task is known in closed form"),
        ("pool4", "repaint", "N/A: needs an inpainting task and a noiseless task (sigma_y = 0)"),
        ("pool4", "dps", "N/A: this sampler was not run on this task"),
        ("Nonlinear deblur", "mgps", "N/A: the published blur is a network whose weights"),
    ],
)
def test_an_empty_cell_says_why(rows, task, sampler, why):
    cell = rows[f"faces / kernel / lpips / {task}", sampler]
    assert cell["value"] is None and cell["note"].startswith(why)


def test_every_sampler_has_a_column_and_every_problem_a_row_in_the_papers_order(rows):
    from posterity import samplers

    assert {c for _, c in rows} >= set(samplers.names())
    tasks = list(dict.fromkeys(r.rsplit(" / ", 1)[1] for r, _ in rows))
    assert tasks == ["pool4", "phase", "Nonlinear deblur", "deblur_spatial"]
    fid = rows["faces / kernel / fid / pool4", "mgps"]
    assert fid["value"] is None and fid["note"] == "N/A: no Inception weights"


def test_published_numbers_know_their_paper():
    """Both papers have a Table 2."""
    assert published.value("2", "FFHQ / MGPS", "SR (x4) / lpips", "janati2025") == 0.09
    assert published.value("2", "FFHQ / MGPS", "SR (x4) / lpips") is None
    assert published.restored("Half mask", "mgps", "fid", natural=True) == 40.0
    assert published.restored("Motion deblur", "ddnm", "psnr", natural=False) is None
    best = [published.restored(p, "mgps", "lpips", natural=False) for p in ("Phase retrieval", "High dynamic range")]
    assert best == [0.11, 0.07]


def test_the_published_ssim_stands_beside_its_own_definition(tmp_path):
    inputs = [*_PROBLEMS(tmp_path)]
    more = next(p for p in inputs if p.stem == "pool4-ddnm" and store.provenance(p)["kind"] == "metrics")
    origin = store.provenance(more)["origin"]
    found = store.read(more, "metrics").to_pylist()
    padded = [r | {"metric": "ssim_zeros", "value": 0.4} for r in found if r["metric"] == "ssim"]
    store.write(more, "metrics", found + padded, origin)
    table.run({"experiment": "e", "table": "restoration"}, inputs=inputs, output=tmp_path / "t.parquet")
    shown = {(r["row"], r["column"]): r for r in store.read(tmp_path / "t.parquet", "tables").to_pylist()}
    cell = shown["faces / kernel / ssim_zeros / pool4", "ddnm"]
    assert (cell["value"], cell["published"]) == (pytest.approx(0.4), 0.85)
    assert shown["faces / kernel / ssim / pool4", "ddnm"]["published"] is None
    assert "per channel on RGB" in (tmp_path / "t.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ({"operator": "inpaint", "half": "left", "sigma_y": 0.05}, "Half mask"),
        ({"operator": "inpaint", "half": "left"}, None),
        ({"operator": "inpaint", "box": [0.2, 0.2, 0.8, 0.8], "sigma_y": 0.05}, "Box inpainting"),
        ({"operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05}, None),
        ({"operator": "pool", "factor": 16, "sigma_y": 0.05}, "SR (x16)"),
        ({"operator": "pool", "factor": 8, "sigma_y": 0.05}, None),
        ({"operator": "jpeg", "quality": 2, "sigma_y": 0.05}, "JPEG (QF = 2)"),
    ],
)
def test_a_task_is_one_of_the_ten_problems_by_its_definition(task, name):
    assert task_kinds.problem(task) == name


@pytest.mark.parametrize(
    ("task", "metric", "number"),
    [
        ({"operator": "sr", "factor": 16, "sigma_y": 0.1}, "diversity", 0.19),
        ({"operator": "sr", "factor": 16, "sigma_y": 0.0}, "diversity", 0.18),
        ({"operator": "sr", "factor": 8}, "diversity", None),
        ({"operator": "inpaint", "half": "left"}, "diversity", None),
    ],
)
def test_a_run_has_the_numbers_of_its_kind_of_task(task, metric, number):
    assert published.per_run(task, "ddrm", "", metric) == number
