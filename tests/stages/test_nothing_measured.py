"""Masks that leave nothing to see or to find: refused where they are made, null where they come from elsewhere."""

import pytest
import torch

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.stages import degrade
from posterity.stages.sample import _agreement, _finite


def test_a_mask_that_hides_everything_in_one_row_is_no_operator():
    keep = torch.zeros(2, 1, 4, 4)
    keep[1, :, :2] = 1
    with pytest.raises(PosterityError, match="a mask hides every pixel of 4×4"):
        Inpainting(keep, (3, 4, 4))
    operator, x = Inpainting(keep[1:], (3, 4, 4)), torch.zeros(1, 3, 4, 4)
    decibels, rms = (_finite(v) for v in _agreement(operator, operator(x + 0.2), x))
    assert decibels == [pytest.approx(20, abs=1e-4)] and rms == [pytest.approx(0.2)]


def test_a_misfit_beyond_the_range_of_floats_is_no_number():
    operator, x = Inpainting(torch.ones(1, 1, 2, 2), (3, 2, 2)), torch.full((1, 3, 2, 2), 1e30)
    decibels, rms = (_finite(v) for v in _agreement(operator, torch.zeros(1, 3, 2, 2), x))
    assert rms == [None] and decibels[0] is not None


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"regions": ["none"]}, "task t: region 'none' hides no pixel of 16×16"),
        ({"regions": ["all"]}, "task t: region 'all' hides every pixel of 16×16"),
        ({"box": [0, 0, 1, 1]}, "operator inpaint: box .* hides every pixel of 16×16"),
        ({"box": [0.75, 0.25, 0.25, 0.75]}, "operator inpaint: box .* is empty"),
        ({"pixels": [0.8, 0.7]}, "expected the smaller number first"),
    ],
)
def test_no_measurement_is_made(tmp_path, task, said):
    picture = images.encode(torch.zeros(3, 16, 16))
    store.write(tmp_path / "items", "items", [{"dataset": "d", "item": "a", "split": "test", "signal": picture}], {})
    masks = {"none": torch.full((1, 16, 16), -1.0), "all": torch.ones(1, 16, 16)}
    rows = [{"dataset": "d", "region": name, "item": None, "mask": images.encode(m)} for name, m in masks.items()]
    store.write(tmp_path / "regions", "regions", rows, {})
    settings = {
        "dataset": "d",
        "items": 1,
        "seed": 0,
        "task": {"name": "t", "operator": "inpaint", "sigma_y": 0, **task},
    }
    with pytest.raises(PosterityError, match=said):
        degrade.run(settings, items=tmp_path / "items", regions=tmp_path / "regions", output=tmp_path / "m")
    assert not (tmp_path / "m").exists()
