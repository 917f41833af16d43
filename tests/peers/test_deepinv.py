"""Step by step the same as deepinv's samplers where the definitions agree, and what differs where they do not."""

import math
from itertools import pairwise

import pytest
import torch
from benchmarks.peers import known, through_deepinv
from deepinv import sampling
from deepinv.models.base import Denoiser
from deepinv.physics import DecomposablePhysics, GaussianNoise, Inpainting

from posterity import samplers
from posterity.diffusion.grids import spaced, strided
from posterity.diffusion.steps import PosteriorStep

STEPS = 40
SPACED = [*reversed(spaced(STEPS)), -1]


def _strided(count):
    return [*reversed(strided(count)), -1]


def ours(name, problem, seed=3, scale=1.0, **settings):
    torch.manual_seed(seed)
    return samplers.find(name)(**settings).sample(problem, known.rows(len(problem), scale)).x


def theirs(method, problem, *arguments, seed=3, **settings):
    torch.manual_seed(seed)
    return method(problem, *arguments, **settings)


def same(a, b):
    """Within the rounding of deepinv's schedules and network inputs, which are float32."""
    torch.testing.assert_close(a, b, rtol=0, atol=2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_pgdm_is_ours_with_exact_weights(eta):
    problem = known.problem(known.correlated(), 0.05, 5)
    found = theirs(through_deepinv.pgdm, problem, _strided(STEPS), eta=eta)
    same(ours("pgdm", problem, steps=STEPS, eta=eta, init="noise", weight="exact"), found)


def test_dps_is_ours_with_a_step_that_shrinks_with_beta():
    """Their gradient counts β/√(1-β) times, which is below 0.02 on the full schedule, where the source's ζ is 1."""
    problem = known.problem(known.correlated(), 0.05, 5)
    found = theirs(through_deepinv.dps, problem, SPACED, weight=3.0)
    torch.manual_seed(3)
    noise = known.rows(5)
    x_t, dps = noise.normal("init", 0, known.SHAPE), samplers.find("dps")(steps=STEPS)
    for t, s in pairwise(SPACED):
        x0, _, gradient = dps._predict(problem, x_t, problem.schedule.level(t))
        move = PosteriorStep.between(problem.schedule.level(t), problem.schedule.level(s))
        x_t = move.x0_weight * x0 + move.xt_weight * x_t - 3.0 * move.beta / math.sqrt(1 - move.beta) * gradient
        if s != -1:
            x_t = x_t + math.sqrt(move.variance) * noise.normal("step", t, known.SHAPE)
    same(x_t, found)


@pytest.mark.parametrize("sigma_y", [0.05, 0.5])
def test_ddrm_is_ours_with_every_draw_divided_by_root_two(sigma_y):
    problem = known.problem(known.correlated(), sigma_y, 5)
    found = theirs(through_deepinv.ddrm, problem, _strided(20))
    same(ours("ddrm", problem, scale=1 / math.sqrt(2)), found)


def test_ddrm_draws_unobserved_pixels_with_half_the_variance():
    """Exact is 1, and 100 steps of the published update reach 0.73; theirs by its own noise levels, 1 to 0."""
    problem = known.problem(known.white(), 0.1, 4000)
    torch.manual_seed(3)
    denoiser, physics = through_deepinv._Denoiser(problem.prior), through_deepinv._physics(problem, 0.1)
    default = sampling.DDRM(denoiser)(problem.y, physics)
    variances = [x[..., 2:].var().item() for x in (ours("ddrm", problem, steps=100), default)]
    assert variances == pytest.approx([0.73, 0.37], abs=0.015)


def test_ddrm_ignores_directions_with_a_singular_value_below_the_noise_level():
    """With s = 0.25 and σ_y = 0.3 the exact posterior has 0.59 of the prior's variance; theirs does not look at y."""
    prior = known.white()
    physics = DecomposablePhysics(
        mask=torch.full((1, *known.SHAPE), 0.25, dtype=torch.float64), noise_model=GaussianNoise(0.3)
    )
    method = sampling.DDRM(
        through_deepinv._Denoiser(prior), sigmas=[prior.schedule.level(t).sigma for t in _strided(20)[:-1]]
    )
    drawn = []
    for value in (-1.0, 1.0):
        torch.manual_seed(0)
        drawn.append(method(torch.full((3, *known.SHAPE), value, dtype=torch.float64), physics))
    assert torch.equal(*drawn)


@pytest.mark.parametrize("zeta", [0.0, 0.1, 1.0])
def test_diffpir_is_ours_with_twice_the_weight(zeta):
    problem = known.problem(known.correlated(), 0.1, 5)
    found = theirs(through_deepinv.diffpir, problem, STEPS, lambda_=7.0, zeta=zeta)
    same(ours("diffpir", problem, steps=STEPS, strength=14.0, zeta=zeta), found)


def test_dps_in_its_default_range_does_not_cut_dark_pixels():
    """The cut to [-1, 1] meets images in [0, 1]: darker than black stays, brighter than white does not."""

    class Constant(Denoiser):
        def forward(self, x, sigma):  # noqa: ARG002
            return 0 * x + self.value

    physics = Inpainting(known.SHAPE, mask=torch.ones(1, *known.SHAPE), noise_model=GaussianNoise(0.1))
    found = []
    for value in (-0.4, 1.4):
        denoiser = Constant()
        denoiser.value = value
        found.append(
            sampling.DPS(denoiser, num_steps=5, weight=0.0)(torch.zeros(1, *known.SHAPE), physics).mean().item()
        )
    assert found == pytest.approx([-0.4, 1.0], abs=1e-5)
