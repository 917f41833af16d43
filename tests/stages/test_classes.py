"""Class-conditional priors in the workflow: each measurement under its own item's class, whatever batch it sits in."""

import pytest
import torch

from posterity import pool
from posterity.artifacts import images, store
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.pointwise import Denoising
from posterity.priors.base import Prediction, Prior
from posterity.samplers.dps import DPS
from posterity.stages import _problem

SHAPE = (1, 2, 2)


class ByClass(Prior):
    """Images of one grey level, the tenth of their class."""

    signal_shape, schedule, dtype = SHAPE, Schedule.linear(), torch.float64

    def __init__(self, classes):
        self.classes = classes

    def predict(self, x_t, level):  # noqa: ARG002
        return Prediction(0 * x_t + (self.classes / 10).view(-1, 1, 1, 1))

    def rows(self, index):
        return ByClass(self.classes[index])


def test_every_sample_is_drawn_under_the_class_of_its_item():
    y = torch.zeros(3, *SHAPE, dtype=torch.float64)
    problem = ByClass(torch.tensor([7.0, 1.0, 4.0])), Denoising(SHAPE), y, 0.1, ["a", "b", "c"]
    for chosen, levels in (([2, 0], [0.4, 0.4, 0.7, 0.7]), (None, [0.7, 0.7, 0.1, 0.1, 0.4, 0.4])):
        found = pool.draw(DPS(steps=3, scale=0.0), *problem, count=2, seed=0, called="dps", chosen=chosen)
        assert found.x.flatten(1).mean(1).tolist() == pytest.approx(levels)


def test_classes_are_read_from_attributes_in_the_order_of_measurements(tmp_path):
    path = tmp_path / "items.parquet"
    grey = images.encode(torch.zeros(3, 4, 4))
    seen = {"a": ["n01", "class 12"], "b": ["class 3", "blurred"], "c": ["n02"], "d": ["class 1", "class 2"]}
    store.write(path, "items", [
        {"dataset": "x", "item": i, "name": i, "group": "g", "split": "test", "attributes": a, "signal": grey}
        for i, a in seen.items()
    ], {"settings": {}})  # fmt: skip
    assert _problem._classes(path, ["b", "a"]).tolist() == [3, 12]
    for item in "cd":
        with pytest.raises(PosterityError, match=f"item {item} has no attribute `class K`, which a prior"):
            _problem._classes(path, ["a", item])
