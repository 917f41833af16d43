"""VIPaint against other samplers: differences paired by item, ratios of cost, and whether the paper's order holds."""

import pytest
import torch

from posterity import tables
from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import table
from posterity.tables.frames import Frames

ITEMS = "abcdef"
TASKS = ("half", "box")
METRICS = ("tv", "modes_shown", "lpips")
# run → (method, tv beside VIPaint's, evaluations)
RUNS = {
    "vipaint4": ("vipaint", 0.0, 300),
    "dps": ("dps", -0.2, 200),
    "copaint": ("copaint", 0.3, 600),
    "exact": ("exact", -0.3, 0),
    "dps_guided": ("dps", 0.0, 200),
}


def value(metric, sampler, item, task):
    """VIPaint's own values differ much between items, differences hardly, and LPIPS by chance alone."""
    n, wobble = ITEMS.index(item), 0.01 * (-1) ** ITEMS.index(item)
    if metric == "lpips":
        return 0.3 + wobble * (sampler == "dps")
    shift = RUNS[sampler][1] + (0.02 * n if sampler == "dps" else 0.0)
    return (0.1 * n + shift if metric == "tv" else 0.9 - 0.1 * n - shift) + (task == "box") * wobble


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(task, sampler, kind) → file."""
    folder, found = tmp_path_factory.mktemp("vipaint"), {}
    picture = images.encode(torch.zeros(3, 4, 4))

    def write(kind, task, sampler, rows):
        found[task, sampler, kind] = folder / f"{kind}-{task}-{sampler}.parquet"
        settings = {"sampler": {"name": sampler, "method": RUNS[sampler][0], "settings": {}, "wrap": []}}
        store.write(found[task, sampler, kind], kind, rows, {"settings": settings})

    for task in TASKS:
        for sampler, (method, _, calls) in RUNS.items():
            run = {"dataset": "faces", "task": task, "prior": "kernel", "sampler": sampler, "method": method}
            run["wrappers"] = "diversity" if sampler == "dps_guided" else ""
            drawn = {"sample": 0, "signal": picture, "forwards": calls // 2, "backwards": calls // 2, "seconds": 1.0}
            write("samples", task, sampler, [run | drawn | {"item": i} for i in ITEMS])
            write("metrics", task, sampler, [
                run | {"item": i, "metric": m, "value": value(m, sampler, i, task), "sample": 0 if single else None}
                for i in ITEMS for m, single in (("tv", False), ("modes_shown", False), ("lpips", True))
            ])  # fmt: skip
    return found


@pytest.fixture(scope="module")
def cells(made):
    return {(c.row[1], c.row[3], c.row[4], c.column): c for c in tables.find("vipaint").cells(frames(made))}


def frames(made, **only):
    files = [path for (task, sampler, _), path in made.items() if only.get("sampler", sampler) == sampler]
    return Frames(files, "table vipaint")


def test_differences_are_paired_by_item(cells):
    found = cells["half", "vipaint4", "dps", "tv"]
    assert found.value == pytest.approx(0.2 - 0.02 * 2.5) and found.count == len(ITEMS)
    # between items tv goes from 0 to .5; of the differences the interval has no more than their own spread
    assert 0.2 - 0.02 * 5 < found.low < found.value < found.high < 0.2
    assert cells["half", "vipaint4", "copaint", "tv"].low == pytest.approx(-0.3)


def test_notes_tell_whether_the_papers_order_holds(cells):
    notes = {
        (against, m): cells["half", "vipaint4", against, m].note for against in ("dps", "copaint") for m in METRICS
    }
    assert notes == {
        ("dps", "tv"): "order reversed", ("dps", "modes_shown"): "order reversed", ("dps", "lpips"): "order open",
        ("copaint", "tv"): "order confirmed", ("copaint", "modes_shown"): "order confirmed",
        ("copaint", "lpips"): "order open",
    }  # fmt: skip
    assert cells["half", "vipaint4", "exact", "tv"].note is None, "nobody says that VIPaint is before exact samples"


def test_evaluations_are_ratios_of_both_directions(cells):
    assert cells["box", "vipaint4", "dps", "evaluations, ratio"].value == 1.5
    assert cells["box", "vipaint4", "copaint", "evaluations, ratio"].value == 0.5
    assert "makes no evaluations" in cells["box", "vipaint4", "exact", "evaluations, ratio"].note


def test_over_tasks_an_item_counts_once(cells):
    found = cells["all", "vipaint4", "copaint", "tv"]
    assert found.count == len(ITEMS) and found.value == pytest.approx(-0.3)
    assert cells["all", "vipaint4", "dps", "modes_shown"].note == "order reversed"


def test_rows_are_of_vipaint_against_plain_runs_of_others(cells):
    assert {key[:3] for key in cells} == {
        (task, "vipaint4", against) for task in (*TASKS, "all") for against in ("dps", "copaint", "exact")
    }


def test_without_another_sampler_there_is_no_table(made, tmp_path):
    with pytest.raises(PosterityError, match="none of VIPaint and of another sampler on one task"):
        tables.find("vipaint").cells(frames(made, sampler="vipaint4"))
    table.run({"experiment": "e", "table": "vipaint"}, inputs=[*made.values()], output=tmp_path / "t.parquet")
    text = (tmp_path / "t.md").read_text()
    assert "| faces | half | kernel | vipaint4 | copaint |" in text and "order reversed" in text
