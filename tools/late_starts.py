"""Tunes plain samplers and their late starts on one grid, and compares the chosen settings on other faces.

    python tools/late_starts.py > grid.csv
    python tools/late_starts.py --compare

The first call writes one row per setting: calls, LPIPS and PSNR, averaged over faces that the experiment `flash` does
not restore, the ones after its faces in the order of the test split. The second restores the experiment's own faces
with its settings and writes differences paired by face, without the exact posterior of every run, which takes most of
the experiment's time. Prior, task and severities are those of the configuration.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity import pool, severities
from posterity.artifacts import signals, store
from posterity.configuration import load, resolve
from posterity.diffusion.noise import generator
from posterity.features.lpips import LPIPS
from posterity.operators.build import build
from posterity.priors import build as built
from posterity.samplers.problem import Problem
from posterity.stages.degrade import measure
from posterity.stages.sample import built_sampler
from posterity.tables.cells import interval

DATASET, PRIOR = "openmoji-smileys-32", "kernel_latent_32"
SCALES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""η of solvers that step along the gradient of a norm."""
SPREADS = (0.0, 40.0, 400.0, 4000.0)
"""ω of ReSample, which has no η."""
FIXED = 60
"""Time of a fixed start that makes about as many calls as individual starts."""
STARTS: dict[str, list[dict[str, Any]]] = {
    "plain": [],
    "paper c 0.8": [{"flash": {"severity": "encoder", "c": 0.8}}],
    "paper c 1.2": [{"flash": {"severity": "encoder", "c": 1.2}}],
    "calibrated": [{"flash": {"severity": "encoder", "init": "calibrated"}}],
    "fixed calibrated": [{"flash": {"severity": "encoder", "init": "calibrated", "time": FIXED}}],
    "fixed noised": [{"flash": {"severity": "encoder", "init": "noised", "time": FIXED}}],
}
"""Wrapper settings by name: the start of a run, and its initial state."""
SOLVERS: dict[str, tuple[str, tuple[float, ...], dict[str, Any]]] = {
    "dps": ("scale", SCALES, {"steps": 100}),
    "psld": ("scale", SCALES, {"steps": 100, "gluing": 0.1}),
    "gml_dps": ("scale", SCALES, {"steps": 100, "gluing": 0.1}),
    "resample": ("spread", SPREADS, {"steps": 100, "iterations": 20}),
}
"""The setting that is tuned, its values, and the fixed settings."""


class Bench:
    """Measurements of some faces with their severities, and the metrics of their restorations."""

    def __init__(self, task: str, encoder: str, first: int, count: int, samples: int) -> None:
        plan = resolve(load([Path("config/config.yaml")]), Path("config"))
        about = {"name": task, **plan.job("degrade", DATASET, task).settings["task"]}
        prior = plan.job("posterior", DATASET, task, PRIOR).settings["prior"]
        rows = store.read(Path("data/datasets", DATASET, "items.parquet"), "items").to_pylist()
        known = torch.stack([signals.decode(r.pop("signal"), r["item"]) for r in rows]).double()
        test = sorted(r["item"] for r in rows if r["split"] == "test")
        order = generator(0, DATASET, "items").permutation(len(test))[first : first + count]
        at = {r["item"]: k for k, r in enumerate(rows)}
        self.items, self.samples = [test[i] for i in order], samples
        self.x = known[[at[item] for item in self.items]]
        made = [
            measure(about, x[None], (0, DATASET, item, task), {}, item)
            for x, item in zip(self.x, self.items, strict=True)
        ]
        own = {name: torch.cat([parameters[name] for _, parameters, _, _ in made]) for name in made[0][1]}
        self.operator = build(about, tuple(known.shape[1:]), own)
        self.y, self.sigma_y = torch.cat([y for *_, y in made]), float(about["sigma_y"])
        self.prior = built(prior, known, rows, {}, tuple(known.shape[1:]))
        estimator = severities.find("encoder")(plan.encoders[encoder])  # type: ignore[call-arg]
        problem = Problem(self.prior, self.operator, self.y, self.sigma_y, torch.arange(count))
        told = estimator.estimate(problem)
        self.severities = {"encoder": told, encoder: told}
        self.net = LPIPS(Path("data/assets/vgg16/vgg16.safetensors"))

    def exactly(self) -> None:
        """Add the exact posterior's severity."""
        index = torch.arange(len(self.items))
        problem = Problem(self.prior, self.operator, self.y, self.sigma_y, index)
        self.severities["exact"] = severities.find("exact")().estimate(problem)

    def drawn(self, method: str, settings: dict[str, Any], wrap: list[dict[str, Any]]) -> tuple[Tensor, Tensor, Tensor]:
        """Return calls, LPIPS and PSNR of every face, averaged over its samples, (N,) each."""
        sampler = built_sampler({"name": method, "method": method, "settings": settings, "wrap": wrap})
        given = self.prior, self.operator, self.y, self.sigma_y, self.items
        done = pool.draw(sampler, *given, count=self.samples, seed=0, called=method, severities=self.severities)
        truth = self.x.repeat_interleave(self.samples, 0)
        maps = self.net.maps(torch.cat([done.x, truth]).clamp(-1, 1).float())
        halves = [layer.chunk(2) for layer in maps]
        lpips = sum(((a - b).square().sum(1) for a, b in halves), torch.zeros(len(truth)))
        psnr = -10 * torch.log10((done.x - truth).square().flatten(1).mean(1) / 4)
        # a late start visits as many levels as its start index says, the others all
        calls = torch.tensor([float(settings["steps"] if s is None else s) for s in done.starts])
        calls, lpips, psnr = (v.double().view(len(self.items), -1).mean(1) for v in (calls, lpips, psnr))
        return calls, lpips, psnr

    def judged(self, method: str, settings: dict[str, Any], wrap: list[dict[str, Any]]) -> tuple[float, float, float]:
        """Return calls, LPIPS and PSNR, averaged over faces and samples."""
        calls, lpips, psnr = (float(v.mean()) for v in self.drawn(method, settings, wrap))
        return calls, lpips, psnr


def grid(bench: Bench) -> Iterator[dict[str, Any]]:
    """Yield every setting with its results."""
    for solver, (name, values, fixed) in SOLVERS.items():
        for start, value in itertools.product(STARTS, values):
            calls, lpips, psnr = bench.judged(solver, {**fixed, name: value}, STARTS[start])
            yield {
                "solver": solver, "start": start, "setting": f"{name} {value:g}", "calls": f"{calls:.1f}",
                "lpips": f"{lpips:.4f}", "psnr": f"{psnr:.2f}",
            }  # fmt: skip


def compared(bench: Bench) -> Iterator[dict[str, Any]]:
    """Yield the experiment's runs, each compared with its plain solver and with the best fixed start."""
    config = load([Path("config/config.yaml")])
    plan = resolve(config, Path("config"))
    found: dict[str, tuple[str, tuple[Tensor, Tensor, Tensor]]] = {}
    for dataset, task, prior, name in plan.runs["flash"]:
        sampler = plan.job("sample", dataset, task, prior, name).settings["sampler"]
        used = {one["flash"]["severity"] for one in sampler["wrap"]}
        if prior != PRIOR or sampler["method"] not in SOLVERS or not used <= {*bench.severities}:
            continue
        found[name] = sampler["method"], bench.drawn(sampler["method"], sampler["settings"], sampler["wrap"])
        print(name, file=sys.stderr)
    for name, (method, (calls, lpips, psnr)) in found.items():
        told = {
            "run": name,
            "calls": f"{calls.mean():.2f}",
            "lpips": f"{lpips.mean():.4f}",
            "psnr": f"{psnr.mean():.2f}",
        }
        for what, other in (("plain", method), ("fixed", f"{method}_encoder_fixed")):
            if other in found and other != name:
                for metric, own, k in (("lpips", lpips, 1), ("psnr", psnr, 2)):
                    off = (own - found[other][1][k]).numpy()
                    low, high = interval(off)
                    told[f"{metric} - {what}"] = f"{off.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
        yield told


def main() -> None:
    """Write the grid, or the comparison, as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="blur_varying")
    parser.add_argument("--encoder", default="encoder_blur")
    parser.add_argument("--first", type=int, default=12, help="items of the test split reserved for the experiment")
    parser.add_argument("--items", type=int, default=6)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--compare", action="store_true", help="the experiment's runs on its own faces")
    given = parser.parse_args()
    if given.compare:
        bench = Bench(given.task, given.encoder, 0, given.first, 3)
        bench.exactly()
        columns = [
            "run",
            "calls",
            "lpips",
            "psnr",
            *(f"{m} - {w}" for w in ("plain", "fixed") for m in ("lpips", "psnr")),
        ]
        table = csv.DictWriter(sys.stdout, columns)
        table.writeheader()
        table.writerows(compared(bench))
        return
    bench = Bench(given.task, given.encoder, given.first, given.items, given.samples)
    out = csv.DictWriter(sys.stdout, ["solver", "start", "setting", "calls", "lpips", "psnr"])
    out.writeheader()
    for row in grid(bench):
        out.writerow(row)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
