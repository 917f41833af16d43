"""What VIPaint and its tasks refuse, each in a line."""

import re

import numpy as np
import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators import mask_shapes
from posterity.operators.pointwise import Denoising
from posterity.samplers.base import Problem
from posterity.samplers.vipaint import VIPaint


def sampled(bench, settings):
    shape = (3, 4, 4)
    problem = Problem(
        bench.Network(shape), Denoising(shape), torch.zeros(1, *shape).double(), 0.1, torch.zeros(1).long()
    )
    return VIPaint(iterations=1, draws=1, steps=2, **settings).sample(problem, Noise(0, ["a"], [0]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"levels": ()}, "at least 1 item"),  # K = 0
        ({"levels": (400, 550)}, "levels [400.0, 550.0] are out of order: key levels by time must descend"),
        ({"levels": (0.3, 0.1), "by": "snr"}, "levels [0.3, 0.1] are out of order: key levels by snr must ascend"),
        ({"levels": (400, 400)}, "out of order"),
        ({"defects": ("no_entropy",)}, "defects ['no_entropy'] are of the diffusion loss of objective repo"),
        ({"objective": "repo", "scaled": False}, "scaled must be true"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        VIPaint(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"levels": (1200, 400)}, "level 1200 is outside the schedule's times 1 to 999"),
        ({"levels": (400, 1)}, "the last of levels [400.0, 1.0] must be noisier than time 1"),
        ({"levels": (400, -7)}, "the last of levels [400.0, -7.0] must be noisier than time 1"),
        ({"levels": (1e-9, 0.3), "by": "snr"}, "signal-to-noise ratio 1e-09 is outside"),
    ],
)
def test_levels_outside_the_schedule_are_refused(bench, settings, said):
    with pytest.raises(PosterityError, match=re.escape(said)):
        sampled(bench, settings)


def test_a_class_for_a_prior_that_has_none_is_refused(bench):
    with pytest.raises(PosterityError, match=r"^a Network prior has no classes to be conditioned on$"):
        bench.Network((3, 4, 4)).given(torch.tensor([1]))


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda rng: mask_shapes.box(64, 64, 0.5, 0.5, 0.501, 0.501), "hides no pixel of 64×64; it must hide a part"),
        (lambda rng: mask_shapes.pixels(64, 64, [0, 0], rng), "hides no pixel; it must hide a part"),
        (lambda rng: mask_shapes.free_form(64, 64, [0, 0], rng), "no mask in 1000 draws hid a share between 0 and 0"),
    ],
)
def test_a_mask_that_hides_nothing_is_refused(draw, said):
    with pytest.raises(PosterityError) as told:
        draw(np.random.default_rng(0))
    assert said in str(told.value) and "\n" not in str(told.value)
