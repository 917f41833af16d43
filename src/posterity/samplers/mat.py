"""MAT: the mask-aware transformer, a GAN that inpaints large holes (Li, Lin, Zhou, Qi, Wang and Jia 2022).

One forward pass: the generator takes the masked image, the mask and a latent z ~ N(0, I); known pixels are pasted back
(Sec. 3). Restorations of one image differ in z and in the generator's dropout, which stays on at inference to blend z
in.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.priors.restorer import Restorer
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["MAT"]


@settings
class MAT(Sampler):
    """A generator's restorations; its weights are the prior.

    Rows are restored one by one: torch draws the dropout masks, and its draws would otherwise depend on the batch.
    """

    truncation: Annotated[
        float, Field(ge=0, le=1, description="truncation ψ: scales the latent's distance from its mean")
    ] = 1.0

    needs = frozenset({"mask", "noiseless", "restorer"})
    guidable = False
    begins_late = False
    baseline = True

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        if not isinstance(problem.prior, Restorer):
            raise PosterityError("sampler mat: needs a restorer as its prior, in place of a denoiser")
        network = problem.prior.of("mat").network
        keep = problem.operator.where_measured(problem.y)[:, :1]
        z, seeds = noise.normal("latent", 0, (512,)), noise.uniform("dropout")
        label, rows = z.new_zeros(1, 0), []
        for row, seed in enumerate((seeds.double() * 2**53).long().tolist()):
            one = slice(row, row + 1)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                rows.append(network(problem.y[one], keep[one], z[one], label, self.truncation, noise_mode="const"))
            if problem.watch is not None:
                problem.watch(row, len(problem), rows[-1])
        problem.cost.forward_rows += len(problem)  # one forward pass per restoration
        return torch.cat(rows)
