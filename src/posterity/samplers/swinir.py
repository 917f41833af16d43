"""SwinIR: a Swin transformer trained to undo one degradation (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021).

One forward pass on y. It is a regression: closest to the truth on average, and without any diversity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.priors.restorer import Restorer
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["SwinIR"]


@settings
class SwinIR(Sampler):
    """A regression network's restoration; its weights, trained for the task, are the prior.

    All samples of an item are the same image, computed once.
    """

    needs = frozenset({"restorer"})
    guidable = False
    begins_late = False
    baseline = True

    def run(self, problem: Problem, noise: Noise) -> Tensor:  # noqa: ARG002 - it regresses
        if not isinstance(problem.prior, Restorer):
            raise PosterityError("sampler swinir: needs a restorer as its prior, in place of a denoiser")
        prior = problem.prior.of("swinir")
        channels, *sides = problem.y.shape[1:]
        if (channels, *(prior.scale * side for side in sides)) != problem.shape:
            made = f"a network of scale {prior.scale} does not make {problem.shape} of"
            raise PosterityError(f"sampler swinir: {made} measurements of shape {tuple(problem.y.shape[1:])}")
        items, index = problem.items.unique(return_inverse=True)
        out = []
        for number, item in enumerate(items):
            row = int((problem.items == item).nonzero()[0])
            out.append(2 * prior.network((problem.y[row : row + 1] + 1) / 2) - 1)
            if problem.watch is not None:
                problem.watch(number, len(items), out[-1])
        problem.cost.forward_rows += len(problem)  # one forward pass per restoration
        return torch.cat(out)[index]
