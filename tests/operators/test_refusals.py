"""Impossible settings of an operator are refused in one line, before anything is drawn or measured."""

from __future__ import annotations

import math

import pytest

from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.build import build, draw
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.pointwise import Colorization


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"operator": "inpant", "box": [0, 0, 1, 0.5]},
            "operator 'inpant' does not exist; choose one of blur,",
        ),
        ({}, "operator 'None' does not exist"),
        ({"operator": "inpaint"}, r"operator inpaint: a signal of shape \(3, 48, 48\) needs one of box, half"),
        (
            {"operator": "inpaint", "pixels": [0.8, 0.7]},
            r"operator inpaint: pixels is \[0.8, 0.7\], expected the smaller",
        ),
        ({"operator": "sr"}, "operator sr: 'factor' is missing"),
        ({"operator": "sr", "factor": 32}, "factor 32 must divide the sides of a square image, not 48×48"),
        ({"operator": "sr", "factor": 2.5}, "factor is 2.5, expected a whole number of at least 1"),
        ({"operator": "sr", "factor": 0}, "factor is 0, expected a whole number"),
        ({"operator": "pool", "factor": 32}, "factor 32 must divide the sides of the image, 48×48"),
        ({"operator": "pool", "factor": -4}, "factor is -4, expected a whole number"),
        ({"operator": "hadamard", "ratio": 3}, "48×48 pixels must be a power of 2 that ratio 3 divides"),
        ({"operator": "hadamard", "ratio": 0}, "48×48 pixels must be a power of 2|ratio is 0"),
        ({"operator": "blur", "width": [3, 1]}, r"width is \[3, 1\], expected the smaller number first"),
        ({"operator": "blur", "width": math.nan}, "width is nan, expected a number"),
        ({"operator": "blur_truncated", "width": -1}, "width is -1, expected a number of at least 0"),
        ({"operator": "motion_blur", "size": 8, "intensity": 0.5}, "size is 8, expected an odd number"),
        ({"operator": "motion_blur", "size": 1, "intensity": 0.5}, "size is 1, expected a whole number of at least 3"),
        ({"operator": "motion_blur", "size": 9, "intensity": 2}, "intensity is 2, expected a number"),
        ({"operator": "jpeg", "quality": 0}, "quality is 0, expected a number above 0 and at most 100"),
        ({"operator": "phase", "oversampling": 0}, "oversampling is 0, expected a number above 0"),
        ({"operator": "phase", "oversampling": 0.01}, "oversampling 0.01 adds no pixel to 48×48"),
        ({"operator": "hdr", "factor": math.inf}, "factor is inf, expected a number above 0"),
        ({"operator": "dense", "measured": 0}, "measured is 0, expected a whole number"),
        ({"operator": "dense", "measured": True}, "measured is True, expected a whole number"),
    ],
)
def test_impossible_settings_are_refused(task, said):
    shape = (3, 48, 48)
    with pytest.raises(PosterityError, match=said) as refused:
        build(task, shape, draw(task, shape, generator(0)))
    assert "\n" not in str(refused.value)


def test_colours_need_three_channels():
    with pytest.raises(PosterityError, match="colorization takes 3 channels, not 1"):
        Colorization((1, 8, 8))


def test_phases_of_an_image_of_one_pixel():
    with pytest.raises(PosterityError, match="adds no pixel to 1×1"):
        PhaseRetrieval(2, (3, 1, 1))


def test_a_whole_number_written_as_another_is_taken():
    assert build({"operator": "sr", "factor": 4.0}, (3, 8, 8), {}).factor == 4
