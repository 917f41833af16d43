"""Samplers against the code that their authors published, given the same noise; README.md says where it comes from."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from posterity import samplers
from posterity.diffusion.noise import Noise
from posterity.operators.averaging import AverageSR
from posterity.operators.dense import Dense
from posterity.operators.masks import Inpainting
from posterity.priors.mixture import Mixture
from posterity.samplers.base import Problem

pytestmark = pytest.mark.stored

FOLDER = Path(__file__).parent
CASES = json.loads((FOLDER / "cases.json").read_text())
SHAPE = (3, 8, 8)
TOLERANCE = {"ddrm": 2e-5}
"""Relative to the largest |x|, if not 2e-9: the official DDRM takes √(1-ᾱ_T) for 1 in its first state."""


@pytest.fixture(scope="module")
def arrays():
    return load_file(FOLDER / "arrays.safetensors")


@pytest.fixture(scope="module")
def prior(arrays):
    """A mixture of three Gaussians, of whose covariance the upper triangle is stored."""
    covariance = torch.zeros(192, 192, dtype=torch.float64)
    row, column = torch.triu_indices(192, 192)
    covariance[row, column] = covariance[column, row] = arrays["prior.covariance"]
    return Mixture(arrays["prior.weights"], arrays["prior.means"], covariance)


@dataclass(frozen=True)
class Recorded(Noise):
    """The noise of the official run in place of drawn noise, for one row."""

    arrays: dict[str, torch.Tensor] = field(default_factory=dict)

    def draw(self, purpose, step, shape):
        steps = self.arrays[f"noise.{purpose}.steps"].tolist()
        return self.arrays[f"noise.{purpose}"][steps.index(step)].double().view(1, *shape)


def operator_of(name, arrays):
    if name == "mask":
        return Inpainting(arrays["operator.mask"][None], SHAPE)
    return AverageSR(2, SHAPE) if name == "avgsr2" else Dense(arrays[f"operator.{name}"][None], SHAPE)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['sampler']}-{case['case']}" for case in CASES])
def test_the_official_code_returns_the_same(arrays, prior, case):
    y, official = (arrays[f"{case['case']}.{key}"][None] for key in ("y", "official"))
    problem = Problem(prior, operator_of(case["operator"], arrays), y, case["sigma_y"], torch.arange(1))
    x = samplers.find(case["sampler"])(**case["settings"]).sample(problem, Recorded(0, ["case"], [0], arrays=arrays)).x
    difference = (x - official).abs().max() / official.abs().max()
    assert difference <= TOLERANCE.get(case["sampler"], 2e-9)
