"""Asks latent solvers for faces behind a trained autoencoder, where the probability of each face is known exactly.

The prior is the smileys as the network brings them back (a kernel prior of bandwidth 0). Sixteen averages a channel of
some faces of the test split, which the prior knows and the network was not trained on, are measured with noise 0.1. For
each solver: RMS residual in units of the noise, PSNR, the exact probability of the face that is nearest to a draw, and
the total variation between the frequencies of nearest faces and their exact probabilities; means over faces.

    python tools/latent_points.py data/datasets/openmoji-smileys/items.parquet --items 4 --samples 6
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from posterity import priors, samplers
from posterity.artifacts import signals, store
from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.samplers.base import Problem

WEIGHTS = Path("resources/autoencoders/openmoji64/weights.safetensors")
SIGMA_Y = 0.1
TASK = {"operator": "sr", "factor": 16, "sigma_y": SIGMA_Y}
SOLVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact": ("exact", {}),
    "dps, never reads y": ("dps", {"steps": 50, "scale": 0.0}),
    "dps, scale 3": ("dps", {"steps": 50, "scale": 3.0}),
    "dps, scale 10": ("dps", {"steps": 50, "scale": 10.0}),
    "dps, scale 30": ("dps", {"steps": 50, "scale": 30.0}),
    "gml_dps, scale 30": ("gml_dps", {"steps": 50, "scale": 30.0, "gluing": 0.1}),
    "psld, scale 30": ("psld", {"steps": 50, "scale": 30.0, "gluing": 0.1}),
    "resample": ("resample", {"steps": 50, "iterations": 20, "spread": 400}),
    "mgps": (
        "mgps", {"steps": 50, "eta": 0.9, "late_eta": 0.9, "warm_level": 2000, "rate": 0.1, "last": 10, "first": 10},
    ),
    "reddiff": ("reddiff", {"steps": 50}),
}  # fmt: skip
"""{row: (method, settings)}."""


def main() -> None:
    """Print a row for each solver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="items.parquet of openmoji-smileys")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--items", type=int, default=4)
    parser.add_argument("--samples", type=int, default=6)
    given = parser.parse_args()
    rows = store.read(given.file, "items").to_pylist()
    images = signals.stack([row["signal"] for row in rows]).double()
    shape = tuple(images.shape[1:])
    about = {"name": "points", "kind": "kernel", "bandwidth": 0, "autoencoder": {"kind": "network", "name": "a"}}
    prior = priors.build(about, images, rows, {}, shape, autoencoder=given.weights)
    operator = build(TASK, shape, {})
    truths = images[[i for i, row in enumerate(rows) if row["split"] == "test"][: given.items]]
    clean = operator(truths)
    y = clean + SIGMA_Y * Noise(0, ["y"] * len(truths), range(len(truths))).normal("y", 0, clean.shape[1:])
    index = torch.arange(given.items).repeat_interleave(given.samples)
    posterior = prior.posterior(operator, y, SIGMA_Y)
    known = posterior.mode_probabilities
    print("| solver | residual / σ | PSNR | exact probability of the nearest | TV | decodes, encodes | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (method, settings) in SOLVERS.items():
        sampler = samplers.find(method)(**settings)
        problem = Problem(prior, operator, y[index], SIGMA_Y, index)
        noise = Noise(0, [f"{i}" for i in index.tolist()], [*range(given.samples)] * given.items)
        began = time.process_time()
        drawn = sampler.sample(problem, noise)
        seconds = time.process_time() - began
        x = drawn.x.double()
        residual = float((y[index] - operator(x)).square().mean().sqrt()) / SIGMA_Y
        error = (x.clamp(-1, 1) - truths[index]).square().flatten(1).mean(1)
        modes = posterior.mode_of(x)
        found = torch.zeros_like(known).index_put_((index, modes), torch.tensor(1 / given.samples).double(), True)
        tv = (found - known).abs().sum(1).mean() / 2
        cost = f"{drawn.cost.decodes:g}, {drawn.cost.encodes:g}"
        print(
            f"| {name} | {residual:.2f} | {float((10 * (4 / error).log10()).mean()):.1f} | "
            f"{float(known[index, modes].mean()):.3f} | {float(tv):.2f} | {cost} | {seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
