"""Masks of ECGs, and what inpainting makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posterity.errors import PosterityError
from posterity.operators.build import build, draw

SHAPE = (8, 64)


def made(task, seed=0):
    task = {"operator": "inpaint", **task}
    own = draw(task, SHAPE, np.random.default_rng(seed))
    return own["keep"], build(task, SHAPE, own)


def test_observed_leads_by_name_in_any_case():
    keep, operator = made({"observed_leads": ["i", "V2"]})
    assert keep.shape == (1, 8, 1) and keep.flatten().tolist() == [1, 0, 0, 1, 0, 0, 0, 0]
    x = torch.ones(1, *SHAPE, dtype=torch.float64)
    assert operator(x).sum() == 2 * 64 and float(operator.unknowns) == 6 * 64


def test_a_block_hides_half_of_the_time_in_all_leads():
    first, operator = made({"missing_block": "first"})
    second, _ = made({"missing_block": "second"})
    assert first.shape == (1, 1, 64) and torch.equal(first, 1 - second) and float(operator.unknowns) == 8 * 32
    drawn = {made({"missing_block": "random"}, seed)[0].argmax().item() for seed in range(20)}
    assert drawn == {0, 32}


def test_a_block_of_each_lead_is_elsewhere():
    keep, operator = made({"missing_block_per_lead": 0.5})
    assert ((keep == 0).sum(-1) == 32).all() and float(operator.unknowns) == 8 * 32
    assert len({tuple(lead.tolist()) for lead in keep[0]}) > 1
    hidden = (keep[0] == 0).int().diff(dim=-1).abs().sum(-1)
    assert (hidden <= 2).all()  # one block


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"observed_leads": ["I", "V9"]}, "there is no lead 'V9'; choose out of I, II, V1"),
        ({"observed_leads": []}, r"observed_leads is \[\]"),
        ({"observed_leads": "I"}, "observed_leads is 'I', expected a list"),
        ({"observed_leads": ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]}, "names every lead"),
        ({"missing_block": "third"}, "missing_block is 'third', expected one of first, second, random"),
        ({"missing_block_per_lead": 1.5}, "missing_block_per_lead is 1.5"),
        ({"box": [0, 0, 0.5, 0.5]}, r"a signal of shape \(8, 64\) needs one of observed_leads"),
    ],
)
def test_what_hides_nothing_of_an_ecg_is_refused(task, said):
    with pytest.raises(PosterityError, match=said):
        made(task)


def test_a_lead_mask_is_nothing_for_an_image():
    with pytest.raises(PosterityError, match=r"a signal of shape \(3, 16, 16\) needs one of box"):
        draw({"operator": "inpaint", "observed_leads": ["I"]}, (3, 16, 16), np.random.default_rng(0))


@pytest.mark.parametrize("task", [{"operator": "sr", "factor": 2}, {"operator": "jpeg", "quality": 2}])
def test_an_operator_of_images_refuses_an_ecg(task):
    with pytest.raises(PosterityError, match=r"is of images; a signal of shape \(8, 64\) can have denoise, inpaint"):
        build(task, SHAPE, {})
