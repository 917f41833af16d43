"""Sheets are measured on the SVG and the PDF themselves."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from posterity.ecg import beats, paper
from posterity.ecg.files import Record
from posterity.ecg.leads import STANDARD
from posterity.errors import PosterityError

MM = 72 / 25.4
"""Units of an SVG of matplotlib: points per mm."""


@pytest.fixture(scope="module")
def drawn(real, tmp_path_factory):
    """Folder of real.svg, real.pdf, real.png, and restored.svg and .png, where V1, V2 and two seconds are missing."""
    folder = tmp_path_factory.mktemp("sheets")
    sheet = paper.sheet(real, title="a real recording")
    for ending in ("svg", "pdf", "png"):
        paper.save(sheet, folder / f"real.{ending}")
    values = real.without(["V1", "V2"]).values.copy()
    values[:, 6000:8000] = np.nan
    slow = beats.resampled(real.values, 1000, 100)
    rng = np.random.default_rng(0)
    draws = [Record(slow + 0.1 * rng.standard_normal((12, 1)), real.names, 100) for _ in range(20)]
    restored = paper.sheet(Record(values, real.names, real.rate), draws, cabrera=True, rhythm=("II", "V1"))
    for ending in ("svg", "png"):
        paper.save(restored, folder / f"restored.{ending}")
    return folder


def paths(svg, gid):
    """[(points, 2)] of every path of a group, in mm from the upper left."""
    root = ElementTree.parse(svg).getroot()
    groups = [group for group in root.findall(".//{*}g") if group.get("id") == gid]
    found = [path.get("d") for group in groups for path in group.findall(".//{*}path")]
    return [np.asarray(re.findall(r"(-?[\d.]+) (-?[\d.]+)", d), dtype=float) / MM for d in found]


def test_ten_seconds_are_250_mm_and_a_millivolt_is_10(real, drawn):
    root = ElementTree.parse(drawn / "real.svg").getroot()
    assert float(root.get("width").removesuffix("pt")) / MM == pytest.approx(297, abs=0.01)
    assert float(root.get("height").removesuffix("pt")) / MM == pytest.approx(210, abs=0.01)
    column, rhythm = sorted(paths(drawn / "real.svg", "measuredII"), key=lambda points: np.ptp(points[:, 0]))
    assert np.ptp(rhythm[:, 0]) == pytest.approx(250, abs=0.05) and np.ptp(column[:, 0]) == pytest.approx(
        62.5, abs=0.05
    )
    assert np.ptp(rhythm[:, 1]) == pytest.approx(10 * np.ptp(real.values[1]), abs=0.1)
    every = np.concatenate([p for lead in STANDARD for p in paths(drawn / "real.svg", f"measured{lead}")])
    assert np.ptp(every[:, 0]) == pytest.approx(250, abs=0.05)
    for pulse in paths(drawn / "real.svg", "calibration"):
        assert np.ptp(pulse[:, 1]) == pytest.approx(10, abs=0.01)
        assert pulse[3, 0] - pulse[2, 0] == pytest.approx(5, abs=0.01)


def test_the_pdf_is_a4_across(drawn):
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", (drawn / "real.pdf").read_bytes())
    assert [float(side) / MM for side in box.groups()] == pytest.approx([297, 210], abs=0.02)


def test_leads_stand_where_a_reader_looks_for_them(drawn):
    """Columns I to III, aVR to aVF, V1 to V3, V4 to V6, each lead at its own time."""
    left = [min(p[:, 0].min() for p in paths(drawn / "real.svg", f"measured{lead}")) for lead in STANDARD]
    np.testing.assert_allclose(left, np.repeat([22, 84.5, 147, 209.5], 3), atol=0.1)
    text = (drawn / "real.svg").read_text()
    assert all(f"<!-- {lead} -->" in text for lead in STANDARD)
    assert "<!-- research use; not for diagnosis -->" in text and "<!-- 25 mm/s   10 mm/mV -->" in text
    assert "restored" not in text


def test_what_is_restored_is_blue_and_said_in_words_and_the_rest_is_black(drawn):
    text = (drawn / "restored.svg").read_text()
    assert "blue: restored, not measured" in text and "<!-- −aVR -->" in text
    assert paths(drawn / "restored.svg", "restoredV1") and not paths(drawn / "restored.svg", "restoredaVF")
    for draw in paths(drawn / "restored.svg", "restoredV4"):  # its column begins at 7.5 s, and 8 s is measured again
        assert draw[:, 0].min() == pytest.approx(209.5, abs=0.1) and draw[:, 0].max() == pytest.approx(222, abs=0.3)
    for strip in paths(drawn / "restored.svg", "restoredII"):  # six to eight seconds of the rhythm strip
        assert strip[:, 0].min() == pytest.approx(22 + 150, abs=0.3) and strip[:, 0].max() == pytest.approx(
            22 + 200, abs=0.3
        )
    blue = {}
    for name in ("real", "restored"):
        rgb = np.asarray(Image.open(drawn / f"{name}.png").convert("RGB")).astype(int)
        blue[name] = int((rgb[..., 2] - rgb[..., 0] > 60).sum())
    assert blue["real"] == 0 and blue["restored"] > 1000


def test_cabrera_turns_avr(real, drawn):
    (turned,) = paths(drawn / "restored.svg", "measured-aVR")
    (usual,) = paths(drawn / "real.svg", "measuredaVR")
    assert np.median(turned[:, 1]) - turned[:, 1].min() > 5 and usual[:, 1].max() - np.median(usual[:, 1]) > 5


def test_a_lead_that_nobody_measured_or_restored_says_so(real, tmp_path):
    paper.save(paper.sheet(real.without(["V1"])), tmp_path / "x.svg")
    assert "<!-- V1  not measured -->" in (tmp_path / "x.svg").read_text()


def test_a_short_recording_fills_every_column(real, tmp_path):
    short = Record(real.values[:, :2560], real.names, 1000)
    paper.save(paper.sheet(short), tmp_path / "x.svg")
    for lead in ("I", "aVR", "V1", "V4"):
        assert np.ptp(paths(tmp_path / "x.svg", f"measured{lead}")[0][:, 0]) == pytest.approx(62.5, abs=0.1)


def test_equal_sheets_are_equal_bytes(real, drawn, tmp_path):
    sheet = paper.sheet(real, title="a real recording")
    for ending in ("svg", "pdf", "png"):
        paper.save(sheet, tmp_path / f"real.{ending}")
        assert (tmp_path / f"real.{ending}").read_bytes() == (drawn / f"real.{ending}").read_bytes()


def test_what_is_no_sheet_is_refused(real, tmp_path):
    with pytest.raises(PosterityError, match=r"x\.jpg: a sheet is written as \.pdf, \.svg or \.png"):
        paper.save(paper.sheet(real), tmp_path / "x.jpg")
    with pytest.raises(PosterityError, match="there is no lead 'V7'"):
        paper.sheet(real, rhythm=("V7",))
    half = Record(real.values[:, :5000], real.names, 1000)
    with pytest.raises(PosterityError, match="a draw lasts 5 s, the record 10 s"):
        paper.sheet(real, [half])
    assert not list(tmp_path.iterdir())
