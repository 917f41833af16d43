"""SwinIR: a Swin transformer that is trained to undo one degradation (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021).

One forward pass of y. It regresses, so that it is the nearest to the truth on average and has no diversity at all.
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
    """A network's one restoration; its weights, trained for the task, are the prior.

    All samples of an item are the same image, which is computed once.
    """

    needs = frozenset({"restorer"})
    guidable = False
    begins_late = False

    def run(self, problem: Problem, noise: Noise) -> Tensor:  # noqa: ARG002 - it regresses
        if not isinstance(problem.prior, Restorer):
            raise PosterityError("sampler swinir: is one pass of a restorer, which this prior is not")
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
        problem.cost.forward_rows += len(problem)  # a restoration takes one
        return torch.cat(out)[index]
