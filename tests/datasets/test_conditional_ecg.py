"""A brief training of a conditional network on generated ECGs: it restores missing halves better than the mean does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from posterity.datasets import ecg_generated
from posterity.datasets.items import split
from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.priors import networks
from posterity.priors.conditional import masks
from posterity.priors.training import Trainer, Training
from posterity.samplers.base import Problem
from posterity.samplers.traineddiff import TrainedDiff

pytestmark = pytest.mark.slow
COUNT, DRAWS, TIME = 120, 4, 256
SETTINGS = {
    "steps": 300, "batch": 16, "family": "unet1d", "condition": "missing_block_per_lead", "prediction": "edm",
    "sigma_data": 0.19, "flip": False, "crop": TIME, "patch": 4, "channels": (48, 64, 64), "layers": 1,
    "attention": (32,), "head": 16, "log_sigma_mean": -1.5, "learning_rate": 0.003, "warm_up": 20, "average": 0.95,
}  # fmt: skip


@pytest.fixture(scope="module")
def records(fetched, declared) -> dict[str, Tensor]:
    """Whole records by split, (N, 8, 960)."""
    made = ecg_generated.prepare(declared["deepfake-ecg"].path(fetched("deepfake-ecg")), "records", 960, COUNT)
    return {
        side: torch.from_numpy(np.stack([item.signal for item in made.items if split(item.id) == side]))
        for side in ("prior", "test")
    }


def test_halves_of_unseen_records_are_nearer_than_the_mean(records):
    how = Training(**SETTINGS)
    torch.manual_seed(0)
    network = networks.build(how.family, how.architecture(8, TIME))
    trainer = Trainer(network, records["prior"], torch.ones(len(records["prior"])), how)
    before = trainer.held_out(records["test"])
    for _ in range(how.steps):
        trainer.advance()
    after = trainer.held_out(records["test"])
    prior = trainer.prior()
    prior.bounds = None
    x = records["test"][:, :, :TIME].float()
    keep = masks(how.condition, x.shape, np.random.default_rng(1)).float()
    rows = torch.arange(len(x)).repeat_interleave(DRAWS)
    noise = Noise(0, [f"r{k}" for k in rows], list(range(DRAWS)) * len(x), torch.float32)
    asked = Problem(prior, Inpainting(keep[rows], (8, TIME)), (keep * x)[rows], 0.0, rows)
    drawn = TrainedDiff(steps=50).sample(asked, noise).x
    assert torch.equal(drawn[keep[rows] == 1], x[rows][keep[rows] == 1])
    missing = keep == 0
    mean = (drawn.unflatten(0, (-1, DRAWS)).mean(1) - x)[missing].abs().mean()
    prior_mean = (records["prior"].float().mean((0, 2)).view(1, 8, 1) - x)[missing].abs().mean()
    assert after < 0.7 * before
    assert mean < 0.8 * prior_mean
