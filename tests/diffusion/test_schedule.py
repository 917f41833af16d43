"""The linear schedule's published numbers, the cosine one's shape, time -1."""

import math

import pytest

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError


@pytest.mark.parametrize(
    ("t", "value"), [(-1, 1.0), (0, 0.9999), (249, 0.52409), (499, 0.078587), (749, 0.0033506), (999, 4.0358e-5)]
)
def test_alpha_bar_of_the_linear_schedule(t, value):
    assert Schedule.linear().alpha_bar(t) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("t", "value"), [(0, 0.010000), (99, 0.33883), (249, 0.95294), (499, 3.42414), (749, 17.2470), (999, 157.407)]
)
def test_noise_levels_of_the_linear_schedule(t, value):
    assert Schedule.linear().level(t).sigma == pytest.approx(value, rel=1e-4)


def test_clean_is_without_noise():
    schedule = Schedule.linear()
    assert schedule.level(-1) is CLEAN is schedule.at_snr(math.inf)
    assert (CLEAN.sigma, CLEAN.noise, CLEAN.signal, CLEAN.snr, CLEAN.fraction) == (0.0, 0.0, 1.0, math.inf, 0.0)


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


@pytest.mark.parametrize("t", [-2, 1000, -0.5, 999.01, math.nan])
def test_times_outside_are_refused(t):
    with pytest.raises(IndexError, match=f"time {t} is outside"):
        Schedule.linear().level(t)


@pytest.mark.parametrize("make", [Schedule.linear, Schedule.cosine, Schedule.scaled_linear])
def test_levels_are_the_tables_at_its_times_and_log_linear_between(make):
    schedule = make()
    for t in (0, 1, 500, 999):
        level = schedule.level(t)
        assert (level.alpha_bar, level.t, level.fraction) == (schedule.alpha_bar(t), t, t / 1000)
        assert level.signal**2 + level.noise**2 == pytest.approx(1)
        assert level.snr == pytest.approx(level.sigma**-2)
    below, between, above = (schedule.level(t).snr for t in (300, 300.25, 301))
    assert math.log(between) == pytest.approx(0.75 * math.log(below) + 0.25 * math.log(above))


@pytest.mark.parametrize("t", [0, 0.5, 123, 640.7, 999])
def test_a_level_is_found_by_its_snr(t):
    schedule = Schedule.linear()
    found, wanted = schedule.at_snr(schedule.level(t).snr), schedule.level(t)
    assert found.t == pytest.approx(t, abs=1e-6) and found.alpha_bar == pytest.approx(wanted.alpha_bar, rel=1e-9)


@pytest.mark.parametrize("snr", [1e-6, 1e6, -1.0, math.nan])
def test_an_snr_that_is_never_reached_is_refused(snr):
    with pytest.raises(PosterityError, match=r"signal-to-noise ratio .* is outside"):
        Schedule.linear().at_snr(snr)


def test_latent_diffusions_schedule_is_linear_in_the_root_of_beta():
    betas = Schedule.scaled_linear().betas
    assert (betas[0], betas[-1], len(betas)) == (pytest.approx(0.00085), pytest.approx(0.012), 1000)
    assert betas[500] == pytest.approx((0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * 500 / 999) ** 2)


def test_noise_levels_make_a_schedule_that_has_every_level_between_them():
    schedule = Schedule.of_sigmas([0.002 * 40000 ** (k / 99) for k in range(100)])
    for sigma in (0.002, 0.0171, 1.0, 33.3, 80.0):
        level = schedule.at_snr(sigma**-2)
        assert level.sigma == pytest.approx(sigma, rel=1e-9)
        assert level.alpha_bar == pytest.approx(1 / (1 + sigma**2), rel=1e-9)


def test_the_smallest_level_keeps_its_digits():
    assert 1 - Schedule.linear().alpha_bar(0) == pytest.approx(1e-4, rel=1e-11)
