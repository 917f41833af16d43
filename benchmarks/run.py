"""What posterity costs on top of the mathematics that it cannot avoid; prints ratios, which travel between machines.

    .venv/bin/python benchmarks/run.py [--quick]

* A sampler against its own network evaluations: the time of a whole run over the time of the same evaluations
  (and gradients) of the same prior at the same points. 1 is no overhead.
* The kernel prior against the two plain matrix products that its formula needs. 1 is nothing but the products.

Both sides of a ratio run by turns in one process and the fastest of several turns counts, so that
other work on the machine does not decide the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.priors.base import Prior
from posterity.priors.kernel import Kernel
from posterity.samplers import find
from posterity.samplers.base import Problem

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


class Recorded(Prior):
    """A prior that remembers every question it was asked."""

    def __init__(self, prior: Prior) -> None:
        self.prior, self.schedule, self.signal_shape = prior, prior.schedule, prior.signal_shape
        self.asked: list[tuple[Tensor, int, bool]] = []

    def denoise(self, x_t: Tensor, t: int) -> Tensor:
        self.asked.append((x_t.detach().clone(), t, x_t.requires_grad))
        return self.prior.denoise(x_t, t)


def evaluations(prior: Prior, asked: list[tuple[Tensor, int, bool]]) -> None:
    """The same evaluations, with a gradient where there was one, and nothing else."""
    for x, t, differentiated in asked:
        with torch.set_grad_enabled(differentiated):
            leaf = x.requires_grad_(differentiated)
            x0 = prior.denoise(leaf, t)
            if differentiated:
                torch.autograd.grad(x0, leaf, x0.detach())


def samplers(prior: Kernel, rows: int, turns: int) -> Table:
    table = Table("sampler", "evaluations", "gradients", "run, s", "evaluations alone, s", "ratio", title="Samplers")
    keep = torch.ones(1, 1, SIZE, SIZE)
    keep[..., SIZE // 2 :] = 0
    operator = build({"operator": "inpaint"}, SHAPE, {"keep": keep})
    noise = Noise(0, [str(i) for i in range(rows)], [0] * rows)
    x = noise.normal("signal", 0, SHAPE)
    for name, settings in METHODS.items():
        sampler, recorded = find(name)(**settings), Recorded(prior)
        problem = Problem(prior, operator, operator(x), 0.0, torch.arange(rows))
        cost = sampler.sample(replace(problem, prior=recorded), noise).cost
        run, alone = fastest(
            turns,
            partial(sampler.sample, problem, noise),
            partial(evaluations, prior, recorded.asked),
        )
        figures = [f"{run:.3f}", f"{alone:.3f}", f"{run / alone:.2f}"]
        table.add_row(name, str(cost.forwards), str(cost.backwards), *figures)
    return table


def products(x: Tensor, images: Tensor) -> Tensor:
    """What no evaluation can do without: distances to all images, and their weighted mean."""
    return (x @ images.T).softmax(1) @ images


def throughput(images: Tensor, prior: Kernel, batches: list[int], turns: int) -> Table:
    table = Table(
        "rows", "prior, ms", "two products, ms", "ratio", "images/s", title=f"Kernel prior, {len(images)} images"
    )
    flat = images.flatten(1)
    for rows in batches:
        x = torch.randn(rows, *SHAPE, dtype=torch.float64)
        ours, plain = fastest(turns, partial(prior.denoise, x, 500), partial(products, x.flatten(1), flat))
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
