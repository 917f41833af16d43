"""Diversity beside the exact posterior's own: means, and how far single items are from it."""

import csv

import pytest

from posterity.errors import PosterityError
from posterity.stages import figure


def test_items_are_set_against_exact_draws_of_the_same(everything, tmp_path):
    """Guided samplers of the made-up experiment are more diverse by 0.05 on every item, all others as exact draws."""
    figure.run(
        {"experiment": "e", "figure": "own_diversity", "task": "sr16"}, inputs=everything, output=tmp_path / "d.svg"
    )
    lines = (line for line in (tmp_path / "d.csv").read_text().splitlines() if line[:1] != "#")
    found = {(row["sampler"], row["column"]): float(row["value"]) for row in csv.DictReader(lines)}
    assert found["exact", "diversity"] == pytest.approx(0.11) and found["exact", "apart"] == 0
    assert found["exact_again", "apart"] == pytest.approx(0)
    assert found["dps_guided", "diversity"] == pytest.approx(0.16)
    assert found["dps_guided", "apart"] == pytest.approx(0.05)


def test_without_exact_draws_there_is_no_yardstick(everything, tmp_path):
    only = {"sampler": ["dps", "dps_guided"]}
    with pytest.raises(PosterityError, match="none with diversity of exact draws and of another sampler"):
        figure.run({"experiment": "e", "figure": "own_diversity", **only}, inputs=everything, output=tmp_path / "d.svg")
