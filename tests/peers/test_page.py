"""The table of docs/peers.md is what the comparison gives."""

import re
from pathlib import Path

import pytest
from benchmarks.peers import accuracy

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"


@pytest.mark.slow
def test_the_page_prints_what_is_measured():
    printed = [
        re.split(r" *\| *", line)[1:-1] for line in PAGE.read_text().splitlines() if re.match(r"\| (white|corr)", line)
    ]
    found = accuracy.compare()
    assert [row[:4] for row in printed] == [list(row.values())[:4] for row in found]
    for row, measured in zip(printed, found, strict=True):
        figures = list(measured.values())[4:]
        assert [float(figure) for figure in row[4:]] == pytest.approx(figures, rel=0.02, abs=0.002), row
