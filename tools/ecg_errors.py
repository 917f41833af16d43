"""Measures a sampler with the shipped network of ECGs on records that it has not seen, from lead I.

    python tools/ecg_errors.py WHEEL --sampler mgps --records 20 --samples 5

WHEEL is data/assets/deepfake-ecg/deepfake_ecg-1.1.2-py3-none-any.whl. Settings are those of the configuration for prior
ecg_network and task ecg_from_i; ``--set KEY=VALUE`` changes one. Errors are mean absolute ones in mV over the seven
missing leads of 2.56 s, with 95 % Student intervals over records; beside them are those of the prior's mean and of the
stationary Gaussian's exact posterior. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from posterity import pool
from posterity.configuration.samplers import settle
from posterity.datasets import ecg_generated
from posterity.datasets.items import split
from posterity.diffusion.noise import Noise
from posterity.ecg import comparison
from posterity.front import priors
from posterity.front.ecg import prior as gaussian
from posterity.front.home import home
from posterity.operators.masks import Inpainting
from posterity.stages.sample import built_sampler

PRIOR, TASK, NOISE, TIME = "ecg_network", "ecg_from_i", 0.05, 256


def main(words: Sequence[str]) -> None:
    """Print settings, errors, coverage and cost."""
    asked = argparse.ArgumentParser()
    asked.add_argument("wheel", type=Path)
    asked.add_argument("--sampler", default="mgps")
    asked.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked.add_argument("--records", type=int, default=20)
    asked.add_argument("--samples", type=int, default=5)
    given = asked.parse_args(words)
    settings: dict[str, Any] = settle(home().sampler(given.sampler), PRIOR, TASK, "")
    settings["settings"] |= {key: json.loads(value) for key, value in (pair.split("=") for pair in given.set)}
    x, names = records(given.wheel, given.records)
    keep = torch.zeros(1, 8, 1)
    keep[0, 0] = 1
    operator = Inpainting(keep.expand(len(x), -1, -1), tuple(x.shape[1:]))
    y = operator(x) + NOISE * keep * Noise(0, names, ["y"] * len(x), x.dtype).normal("y", 0, tuple(x.shape[1:]))
    print(json.dumps({"sampler": settings, "prior's mean and exact Gaussian": _beside(x, operator, y),
                      **_restored(settings, x, names, operator, y, given.samples)}, indent=1))  # fmt: skip


def records(wheel: Path, number: int) -> tuple[Tensor, list[str]]:
    """Return the first records of the test split, (number, 8, 256), and their names."""
    tests = list(islice((n for n in count() if split(f"g{n:05d}") == "test"), number))
    made = np.stack([record[:, :TIME].round(3) for record in ecg_generated.records(wheel, tests)])
    return torch.from_numpy(made).float(), [f"g{n:05d}" for n in tests]


def _restored(
    settings: dict[str, Any], x: Tensor, names: list[str], operator: Inpainting, y: Tensor, samples: int
) -> dict[str, Any]:
    network = priors.prior(PRIOR)
    network.bounds = None
    sampler = built_sampler(settings)
    began = time.process_time()
    drawn = pool.draw(sampler, network, operator, y, NOISE, names, count=samples, seed=0, called=settings["name"])
    seconds = time.process_time() - began
    draws = drawn.x.unflatten(0, (len(x), samples)).double()
    errors = (draws - x[:, None])[:, :, 1:]
    inside = [comparison.covered(d.numpy(), t.numpy())[1:].mean() for d, t in zip(draws, x.double(), strict=True)]
    return {
        "samples": interval(errors.abs().mean((1, 2, 3))),
        "their mean": interval(errors.mean(1).abs().mean((1, 2))),
        "coverage of 90 %": interval(torch.tensor(inside)),
        "calls a row": drawn.cost.forward_rows / len(drawn.x),
        "CPU seconds": round(seconds),
    }


def _beside(x: Tensor, operator: Inpainting, y: Tensor) -> list[list[float]]:
    prior = gaussian.shipped()[0].prior(TIME)
    exact = prior.posterior(operator, y, NOISE).mean
    return [interval((found - x).abs()[:, 1:].mean((1, 2))) for found in (prior.mean.expand_as(x), exact)]


def interval(values: Tensor) -> list[float]:
    """Return the mean of values (records,) and the half width of its 95 % Student interval."""
    half = stdtrit(len(values) - 1, 0.975) * float(values.std()) / len(values) ** 0.5
    return [round(float(values.mean()), 4), round(float(half), 4)]


if __name__ == "__main__":
    main(sys.argv[1:])
