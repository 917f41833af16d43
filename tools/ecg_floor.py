"""Trains a network for one task alone, lead I to the seven others, to learn how near to the truth any mean can be.

    python tools/ecg_floor.py WHEEL data/datasets/ecg-generated-whole/items.parquet --steps 1800

The network has the size of ecg_network and adds to the exact posterior mean of its Gaussian. It minimises the mean
square error, so it approaches the posterior mean E[x | y], which no mean of draws can beat on average. Prints JSON:
its mean absolute error on the records of tools/ecg_errors.py, and its root mean square error, in mV.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ecg_errors
import torch
from torch import Tensor, nn

from posterity.artifacts import signals, store
from posterity.diffusion.noise import Noise, generator
from posterity.front import priors
from posterity.operators.masks import Inpainting
from posterity.priors.descent import Descent
from posterity.priors.network import Network
from posterity.priors.networks.unet1d import UNet1d
from posterity.priors.training import Training

UNIT, BATCH = 0.19, 32
"""Standard deviation of the data in mV, and crops per step."""
KEEP = torch.zeros(1, 8, 1)
KEEP[:, 0] = 1


class Mean(nn.Module):
    """E[x | y] of signals behind lead I, (B, 8, 256) → (B, 8, 256): the Gaussian's, and what a network adds."""

    def __init__(self, prior: Network) -> None:
        super().__init__()
        assert prior.base is not None
        self._gaussian = prior.base.gaussian
        self._operator = Inpainting(KEEP, (8, ecg_errors.TIME))
        self.network = UNet1d(16, 8, 4, (64, 96, 128), 1, (False, True, True), 32, 8)

    def forward(self, y: Tensor) -> Tensor:
        linear = self._gaussian.posterior(self._operator, y.double(), ecg_errors.NOISE).mean.float()
        given = torch.cat([y, linear], 1) / UNIT
        return linear + UNIT / 2 * self.network(given, torch.zeros(len(y)))[0]


def main(words: Sequence[str]) -> None:
    """Train, and print the errors on unseen records."""
    asked = argparse.ArgumentParser()
    asked.add_argument("wheel", type=Path)
    asked.add_argument("items", type=Path)
    asked.add_argument("--steps", type=int, default=1800)
    asked.add_argument("--records", type=int, default=20)
    given = asked.parse_args(words)
    rows = store.rows(store.read(given.items, "items"))
    seen = torch.stack([signals.decode(row["signal"]) for row in rows if row["split"] == "prior"])
    settings: dict[str, Any] = {"batch": BATCH, "learning_rate": 1.5e-3, "warm_up": 100, "average": 0.998}
    how = Training(steps=given.steps, **settings)
    prior = priors.prior(ecg_errors.PRIOR)
    assert isinstance(prior, Network)
    torch.manual_seed(0)
    trained = Descent(Mean(prior), torch.optim.Adam, seen, torch.ones(len(seen)), how)
    loss = [trained.descend(_loss(trained, step)) for step in range(given.steps)]
    x, names = ecg_errors.records(given.wheel, given.records)
    y = KEEP * (x + ecg_errors.NOISE * Noise(0, names, ["y"] * len(x), x.dtype).normal("y", 0, (8, ecg_errors.TIME)))
    with torch.no_grad():
        error = (trained.averaged()(y) - x)[:, 1:]
    print(json.dumps({
        "records trained on": len(seen),
        "steps": given.steps,
        "training, root mean square": round((sum(loss[-200:]) / len(loss[-200:])) ** 0.5, 4),
        "mean absolute": ecg_errors.interval(error.abs().mean((1, 2))),
        "root mean square": round(float(error.square().mean().sqrt()), 4),
    }, indent=1))  # fmt: skip


def _loss(trained: Descent, step: int) -> Tensor:
    """Return the mean square error on random crops of the missing leads, a scalar."""
    rng = generator("floor", step)
    seen = trained.draw(rng)
    starts = rng.integers(seen.shape[2] - ecg_errors.TIME + 1, size=BATCH)
    x = torch.stack([record[:, at : at + ecg_errors.TIME] for record, at in zip(seen, starts, strict=True)])
    noise = torch.from_numpy(rng.standard_normal(tuple(x.shape))).float()
    found: Tensor = trained.network(KEEP * (x + ecg_errors.NOISE * noise))
    return (found - x)[:, 1:].square().mean()


if __name__ == "__main__":
    main(sys.argv[1:])
