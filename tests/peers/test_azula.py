"""Step by step the same as azula's samplers where the definitions agree, and what differs where they do not."""

from dataclasses import dataclass, field

import pytest
import torch
from benchmarks.peers import known, through_azula

from posterity import samplers
from posterity.diffusion.grids import spaced, strided
from posterity.diffusion.noise import Noise
from posterity.samplers.base import Problem
from posterity.samplers.diffpir import _quadratic

STEPS = 40
SPACED = [*reversed(spaced(STEPS)), -1]
STRIDED = [*reversed(strided(STEPS)), -1]


def ours(name, problem, seed=3, noise=None, **settings):
    torch.manual_seed(seed)
    noise = noise or known.rows(len(problem))
    return samplers.find(name)(**settings).sample(problem, noise).x


def theirs(method, problem, *arguments, seed=3, **settings):
    torch.manual_seed(seed)
    return method(problem, *arguments, **settings)


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def misfit(problem, x):
    """Root mean square of y - A x over the measured pixels, in σ_y."""
    return ((problem.y - problem.operator(x)).square().sum() / (8 * len(x))).sqrt().item() / problem.sigma_y


def test_dps_of_one_row_is_the_same():
    problem = known.problem(known.correlated(), 0.05, 1)
    same(ours("dps", problem, steps=STEPS, clamp=False), theirs(through_azula.dps, problem, SPACED))


def test_dps_in_a_batch_takes_one_norm_over_all_rows():
    """Ours has the misfit of one row in any batch; theirs, equal for one row, leaves ten times as much in 512."""
    problem = known.problem(known.white(), 0.1, 512)
    alone = misfit(problem, ours("dps", problem, steps=250, scale=0.5, clamp=False))
    together = misfit(problem, theirs(through_azula.dps, problem, [*reversed(spaced(250)), -1], zeta=0.5))
    assert alone == pytest.approx(0.93, abs=0.05) and together == pytest.approx(10.4, abs=0.5)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_pgdm_is_ours_told_that_there_is_no_noise(eta):
    problem = known.problem(known.correlated(), 0.05, 5)
    noiseless = Problem(problem.prior, problem.operator, problem.y, 0.0, problem.items)
    found = theirs(through_azula.pgdm, problem, STRIDED, eta=eta)
    settings = {"steps": STEPS, "eta": eta, "init": "noise", "weight": "code"}
    same(ours("pgdm", noiseless, **settings), found)
    assert (ours("pgdm", problem, **settings) - found).abs().max() > 0.01


def test_pgdm_without_the_noise_level_fits_the_noise():
    """White prior, σ_y = 0.5: the exact variance of a measured pixel is 0.2."""
    problem = known.problem(known.white(), 0.5, 2000)
    seen = theirs(through_azula.pgdm, problem, _strided(100))[..., :2].var(0).mean()
    exact = ours("pgdm", problem, steps=100, weight="exact", init="noise")[..., :2].var(0).mean()
    assert seen < 0.01 and exact == pytest.approx(0.1734, rel=0.05)


def _strided(count):
    return [*reversed(strided(count)), -1]


def test_diffpir_is_the_same_in_deterministic_steps():
    """Their λ = 1 is the weight that Bayes asks for, which in the source's units is λ = 4."""
    problem = known.problem(known.correlated(), 0.05, 5)
    found = theirs(through_azula.diffpir, problem, _quadratic(STEPS, 1000), lmbda=1.0)
    same(ours("diffpir", problem, steps=STEPS, strength=4.0, zeta=0.0, clamp=False), found)


@dataclass(frozen=True)
class Replayed(Noise):
    """Draws that are handed out by name."""

    draws: dict[tuple[str, int], torch.Tensor] = field(default_factory=dict)

    def draw(self, purpose, step, shape):  # noqa: ARG002
        return self.draws[purpose, step]


def test_repaint_with_one_iteration_is_replacement():
    noisy = known.problem(known.correlated(), 0.05, 5)
    problem = Problem(noisy.prior, noisy.operator, noisy.y, 0.0, noisy.items)
    found = theirs(through_azula.repaint, problem, SPACED, iterations=1)
    torch.manual_seed(3)
    order = [("init", 0), *((purpose, step) for step in range(STEPS) for purpose in ("step", "known", "undo"))]
    draws = {key: torch.randn(5, *known.SHAPE, dtype=torch.float64) for key in order}
    noise = Replayed(0, [""] * 5, range(5), draws=draws)
    same(ours("replacement", problem, noise=noise, steps=STEPS, clamp=False), found)
