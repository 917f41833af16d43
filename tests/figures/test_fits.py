"""Fits of VIPaint of several lengths: their gallery, and their line in the figure of time against quality."""

import csv

import pytest
import torch
from PIL import Image

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.figures import _fits, gallery
from posterity.stages import figure
from posterity.tables.frames import Frames

ITEMS = "ab"
LENGTHS = (0, 10, 50)
LEVELS = {"vipaint2": [550, 400], "vipaint4": [550, 500, 450, 400]}


def brightness(sampler, length, item, sample):
    return length / 50 - 0.1 * ITEMS.index(item) - 0.05 * sample - 0.3 * (sampler == "vipaint4")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """VIPaint-2 and -4 at three lengths, a guided one, and DPS; LPIPS falls with the length, seconds grow."""
    folder, out = tmp_path_factory.mktemp("fits"), []

    def write(kind, name, rows, settings):
        out.append(folder / kind / f"{name}.parquet")
        store.write(out[-1], kind, rows, {"settings": settings})

    place = {"dataset": "faces", "task": "half"}
    grey = images.encode(torch.zeros(3, 8, 8))
    write("measurements", "half", [
        place | {"item": i, "sigma_y": 0.0, "signal_kind": "image", "signal_shape": [3, 8, 8], "truth": grey,
                 "display": grey} for i in ITEMS
    ], {"task": {"name": "half", "operator": "inpaint", "half": "bottom"}})  # fmt: skip
    runs = {(n if m == 50 else f"{n}_at_{m}"): ("vipaint", n, m, []) for n in LEVELS for m in LENGTHS}
    runs |= {"vipaint2_guided": ("vipaint", "vipaint2", 10, [{"diversity": {"eta": 0.5}}]), "dps": ("dps", "", 25, [])}
    for sampler, (method, kind, length, wrap) in runs.items():
        settings = {"levels": LEVELS[kind], "iterations": length} if kind else {}
        about = {"sampler": {"name": sampler, "method": method, "settings": settings, "wrap": wrap}}
        run = place | {"prior": "kernel", "sampler": sampler, "method": method}
        run["wrappers"] = "diversity" if wrap else ""
        write("samples", sampler, [
            run | {"item": i, "sample": s, "seconds": 1.0 + length,
                   "signal": images.encode(torch.full((3, 8, 8), brightness(kind, length, i, s)))}
            for i in ITEMS for s in range(3)
        ], about)  # fmt: skip
        write("metrics", sampler, [
            run | {"item": i, "sample": s, "metric": "lpips", "value": 0.5 - length / 200} for i in ITEMS
            for s in range(3)
        ], about)  # fmt: skip
    return out


def test_lengths_are_found_of_plain_runs_and_by_their_other_settings(files):
    found = _fits.fits(Frames(files, "figure fit_progress"))
    assert [(one.words, [*one.runs]) for one in found] == [("VIPaint-2", [0, 10, 50]), ("VIPaint-4", [0, 10, 50])]
    assert [a.key["sampler"] for a in found[0].runs.values()] == ["vipaint2_at_0", "vipaint2_at_10", "vipaint2"]


def test_the_gallery_has_a_column_for_each_length(files, tmp_path, monkeypatch):
    seen, real = [], gallery.draw

    def draw(rows, heads):
        seen.append((rows, heads))
        return real(rows, heads)

    monkeypatch.setattr(gallery, "draw", draw)
    figure.run({"experiment": "e", "figure": "fit_progress", "items": 1}, inputs=files, output=tmp_path / "f.svg")
    ((rows, heads),) = seen
    assert heads == ["truth", "measured", "0 iterations", "10", "50"]
    assert [row.label for row in rows] == ["VIPaint-2", "VIPaint-4"]
    levels = [[int(p[0, 0, 0]) for p in block] for block in rows[0].blocks[2:]]
    expected = [[round(127.5 * (brightness("vipaint2", n, "a", s) + 1)) for s in range(2)] for n in LENGTHS]
    assert all(
        abs(a - b) <= 1 for one, two in zip(levels, expected, strict=True) for a, b in zip(one, two, strict=True)
    )
    with Image.open(tmp_path / "f.png") as png:
        assert png.text["Title"] == "Progress of the fit"


def test_time_against_quality_has_every_run_and_names_lengths(files, tmp_path):
    figure.run({"experiment": "e", "figure": "time_quality"}, inputs=files, output=tmp_path / "t.svg")
    text = (tmp_path / "t.csv").read_text()
    rows = {row["sampler"]: row for row in csv.DictReader(line for line in text.splitlines() if line[:1] != "#")}
    assert float(rows["vipaint2_at_10"]["seconds"]) == 11 and float(rows["vipaint2_at_10"]["lpips"]) == 0.45
    assert {"dps", "vipaint2_guided", "vipaint4"} < {*rows}


def test_without_lengths_there_is_no_gallery(files, tmp_path):
    only = {"sampler": ["vipaint2", "dps"]}
    with pytest.raises(PosterityError, match="none of VIPaint with two numbers of iterations"):
        figure.run({"experiment": "e", "figure": "fit_progress", **only}, inputs=files, output=tmp_path / "f.svg")
