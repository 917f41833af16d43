"""RED-diff-V: RED-diff with times drawn at random instead of swept (a baseline of VIPaint, Agarwal et al. 2025).

Weights and number of steps are RED-diff's. The times are uniform, and the same for all rows of a seed,
because a network call evaluates the whole batch at one time.
"""

from __future__ import annotations

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise, generator
from posterity.samplers.base import Problem, settings
from posterity.samplers.reddiff import REDDiff

__all__ = ["REDDiffV"]


@settings
class REDDiffV(REDDiff):
    """Regularisation by denoising diffusion at random times."""

    def _visited(self, problem: Problem, noise: Noise) -> list[Level]:
        times = generator(noise.seed, "reddiff_v").integers(0, len(problem.schedule), self.steps)
        return [problem.schedule.level(t) for t in times.tolist()]
