"""The linear schedule's published numbers, the cosine one's shape, time -1."""

import math

import pytest

from posterity.diffusion.schedule import Schedule


@pytest.mark.parametrize(
    ("t", "value"), [(-1, 1.0), (0, 0.9999), (249, 0.52409), (499, 0.078587), (749, 0.0033506), (999, 4.0358e-5)]
)
def test_alpha_bar_of_the_linear_schedule(t, value):
    assert Schedule.linear().alpha_bar(t) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("t", "value"), [(0, 0.010000), (99, 0.33883), (249, 0.95294), (499, 3.42414), (749, 17.2470), (999, 157.407)]
)
def test_noise_levels_of_the_linear_schedule(t, value):
    assert Schedule.linear().sigma_ve(t) == pytest.approx(value, rel=1e-4)


def test_clean_is_without_noise():
    assert Schedule.linear().sigma_ve(-1) == 0.0


@pytest.mark.parametrize("steps", [100, 250, 4000])
def test_ends_scale_with_the_number_of_steps(steps):
    schedule = Schedule.linear(steps)
    assert len(schedule) == steps
    assert schedule.betas[0] == pytest.approx(0.1 / steps) and schedule.betas[-1] == pytest.approx(20 / steps)


def test_cosine_follows_its_formula_until_the_cap():
    schedule = Schedule.cosine()
    f = lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    for t in (0, 250, 700, 990):
        assert schedule.alpha_bar(t) == pytest.approx(f((t + 1) / 1000) / f(0), rel=1e-9)
    assert max(schedule.betas) == schedule.betas[-1] == 0.999


@pytest.mark.parametrize("t", [-2, 1000])
def test_times_outside_are_refused(t):
    with pytest.raises(IndexError, match=f"time {t} is outside"):
        Schedule.linear().alpha_bar(t)


def test_the_smallest_level_keeps_its_digits():
    assert 1 - Schedule.linear().alpha_bar(0) == pytest.approx(1e-4, rel=1e-11)
