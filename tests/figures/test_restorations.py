"""The contact sheet of the ten inverse problems."""

import runpy
from pathlib import Path

import numpy as np
from PIL import Image

from posterity.figures import gallery
from posterity.stages import figure

_PROBLEMS = runpy.run_path(str(Path(__file__).parents[1] / "tables" / "made.py"))["problems"]


def test_it_shows_the_best_phase_retrieval_and_strikes_out_what_cannot_be(tmp_path):
    out = tmp_path / "restorations.svg"
    settings = {"experiment": "e", "figure": "restorations", "items": 1}
    figure.run(settings, inputs=_PROBLEMS(tmp_path), output=out)
    with Image.open(out.with_suffix(".png")) as png:
        levels = np.asarray(png.convert("L"))
        assert "Struck out" in png.text["Description"]
    # the best of phase retrieval is sample 0 of the third sampler but one: a flat grey of its own
    flat = round((-0 / 3 + 1) * 127.5)
    assert (levels == flat).sum() >= 128 * 128
    assert (levels == 244).sum() > 4 * 100 * 100, "two samplers of two problems each"


def test_a_struck_out_place_is_pale_with_one_stroke():
    picture = gallery.absent(32, 32)
    assert picture.shape == (32, 32, 3) and set(np.unique(picture)) == {200, 244}
    assert (picture == 200)[..., 0].sum(1).max() <= 4 and (picture == 200)[..., 0].any(1).all()
