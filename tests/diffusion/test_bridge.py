"""Bridges: the regression that they are, and how they compose."""

import math

import numpy as np
import pytest

from posterity.diffusion.bridge import Bridge
from posterity.diffusion.levels import CLEAN
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep


def at(level):
    return Schedule.linear().level(level - 1)


def a(level):
    return at(level).alpha_bar


def test_it_is_the_regression_on_both_ends():
    """x_s → x_t → x_u by the forward process, in one dimension."""
    rng, count = np.random.default_rng(0), 1_000_000
    s, t, u = 100, 250, 600
    x_s = rng.standard_normal(count) * 2 + 1
    up, down = a(t) / a(s), a(u) / a(t)
    x_t = math.sqrt(up) * x_s + math.sqrt(1 - up) * rng.standard_normal(count)
    x_u = math.sqrt(down) * x_t + math.sqrt(1 - down) * rng.standard_normal(count)
    bridge = Bridge.between(at(s), at(t), at(u))
    coefficients, residual, *_ = np.linalg.lstsq(np.stack([x_u, x_s], axis=1), x_t, rcond=None)
    assert coefficients == pytest.approx([bridge.noisy, bridge.clean], abs=3e-3)
    assert residual[0] / count == pytest.approx(bridge.variance, rel=0.01)
    assert bridge.noisy * math.sqrt(a(u) / a(s)) + bridge.clean == pytest.approx(math.sqrt(a(t) / a(s)), rel=1e-12)


@pytest.mark.parametrize("middle", [1, 7, 200, 399, 400])
def test_bridges_compose(middle):
    """Clean → middle and then middle → 400 is clean → 400 at once, in mean and variance."""
    u, k = 500, 400
    whole, near, far = (Bridge.between(*map(at, levels)) for levels in ((0, k, u), (0, middle, u), (middle, k, u)))
    assert far.noisy + far.clean * near.noisy == pytest.approx(whole.noisy, rel=1e-10)
    assert far.clean * near.clean == pytest.approx(whole.clean, rel=1e-10)
    assert far.clean**2 * near.variance + far.variance == pytest.approx(whole.variance, rel=1e-10)


def test_from_a_clean_signal_it_is_the_ancestral_step_and_nowhere_it_stays():
    bridge, step = Bridge.between(CLEAN, at(300), at(310)), PosteriorStep.between(at(310), at(300))
    assert bridge == pytest.approx((step.xt_weight, step.x0_weight, step.variance), rel=1e-12)
    assert Bridge.between(at(300), at(300), at(310)) == (0.0, 1.0, 0.0)
