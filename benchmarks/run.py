"""What posterity costs on top of the mathematics that it cannot avoid; prints ratios, which travel between machines.

    .venv/bin/python benchmarks/run.py [--quick]

* A sampler against its own network evaluations: the time of a whole run over the time of the same number of
  evaluations (and gradients) of the same prior on the same batch. 1 is no overhead.
* The kernel prior against the two plain matrix products that its formula needs. 1 is nothing but the products.

Both sides of a ratio run by turns in one process and the fastest of several turns counts, so that
other work on the machine does not decide the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.priors.base import Prior
from posterity.priors.kernel import Kernel
from posterity.samplers import find
from posterity.samplers.base import Cost, Problem

SIZE = 64
SHAPE = (3, SIZE, SIZE)
METHODS = {"ddrm": {"steps": 10}, "ddnm": {"steps": 10}, "dps": {"steps": 10}, "repaint": {"steps": 10}}


def fastest(turns: int, *sides: Callable[[], object]) -> list[float]:
    """Seconds of the fastest of ``turns`` runs of each side, run by turns."""
    best = [float("inf")] * len(sides)
    for _ in range(turns):
        for i, side in enumerate(sides):
            began = time.perf_counter()
            side()
            best[i] = min(best[i], time.perf_counter() - began)
    return best


def evaluations(prior: Prior, x: Tensor, cost: Cost) -> None:
    """As many evaluations and gradients as ``cost`` counted, and nothing else."""
    for i in range(cost.forwards):
        if i < cost.backwards:
            leaf = x.clone().requires_grad_()
            with torch.enable_grad():
                torch.autograd.grad(prior.denoise(leaf, 500).square().sum(), leaf)
        else:
            with torch.no_grad():
                prior.denoise(x, 500)


def samplers(prior: Kernel, rows: int, turns: int) -> Table:
    table = Table("sampler", "evaluations", "gradients", "run, s", "evaluations alone, s", "ratio", title="Samplers")
    keep = torch.ones(1, 1, SIZE, SIZE)
    keep[..., SIZE // 2 :] = 0
    operator = build({"operator": "inpaint"}, SHAPE, {"keep": keep})
    noise = Noise(0, [str(i) for i in range(rows)], [0] * rows)
    x = noise.normal("signal", 0, SHAPE)
    problem = Problem(prior, operator, operator(x), 0.0, torch.arange(rows))
    for name, settings in METHODS.items():
        sampler = find(name)(**settings)
        cost = sampler.sample(problem, noise).cost
        run, alone = fastest(
            turns,
            lambda sampler=sampler: sampler.sample(problem, noise),
            lambda cost=cost: evaluations(prior, x, cost),
        )
        figures = [f"{run:.3f}", f"{alone:.3f}", f"{run / alone:.2f}"]
        table.add_row(name, str(cost.forwards), str(cost.backwards), *figures)
    return table


def throughput(images: Tensor, prior: Kernel, batches: list[int], turns: int) -> Table:
    table = Table(
        "rows", "prior, ms", "two products, ms", "ratio", "images/s", title=f"Kernel prior, {len(images)} images"
    )
    flat = images.flatten(1)
    for rows in batches:
        x = torch.randn(rows, *SHAPE, dtype=torch.float64)

        def products(x: Tensor = x) -> Tensor:
            return (x.flatten(1) @ flat.T).softmax(1) @ flat

        ours, plain = fastest(turns, lambda x=x: prior.denoise(x, 500), products)
        table.add_row(str(rows), f"{1e3 * ours:.1f}", f"{1e3 * plain:.1f}", f"{ours / plain:.2f}", f"{rows / ours:.0f}")
    return table


def main(quick: bool) -> None:
    torch.manual_seed(0)
    images = torch.rand(64 if quick else 1000, *SHAPE, dtype=torch.float64) * 2 - 1
    prior = Kernel(images, torch.ones(len(images)), 0.1)
    console = Console(width=100)
    console.print(samplers(prior, rows=2 if quick else 32, turns=1 if quick else 5))
    console.print(throughput(images, prior, [1, 4] if quick else [1, 8, 64], turns=1 if quick else 9))


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
