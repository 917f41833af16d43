"""Which times are visited: strides, respacing, the walk of resampling."""

from itertools import pairwise

import pytest

from posterity.diffusion.grids import RULES, ddim, floored, karras, spaced, strided, time_travel, travelled
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError

OF_TIMES = {"floored": floored, "spaced": spaced, "strided": strided, "ddim": ddim}


@pytest.mark.parametrize(("count", "largest"), [(20, 950), (100, 990), (1000, 999), (8, 875)])
def test_published_strides_end_one_stride_before_the_total(count, largest):
    times = strided(count)
    assert len(times) == count and times[0] == 0 and times[-1] == largest


@pytest.mark.parametrize("make", [Schedule.linear, Schedule.cosine])
@pytest.mark.parametrize("rule", RULES)
def test_a_run_of_any_count_begins_in_noise(make, rule):
    """The stride of 501 times is not 1000 // 501 = 1, which would leave t > 500 out."""
    schedule = make()
    for count in range(1, 1001):
        levels = schedule.grid(count, rule)
        times = [level.t for level in levels]
        assert len(times) == len(set(times)) == count and times == sorted(times, reverse=True)
        assert levels[0].alpha_bar <= 1e-3, count
        assert count == 1 or times[-1] == 0 or (rule, times[-1]) == ("ddim", 1)


def test_counts_of_the_public_codes_have_their_grid():
    schedule = Schedule.linear()
    for count in (c for c in range(8, 1001) if 1000 % c == 0):
        times = [level.t for level in reversed(schedule.grid(count, "strided"))]
        assert times == strided(count) == list(range(0, 1000, 1000 // count))


@pytest.mark.parametrize("rule", OF_TIMES)
@pytest.mark.parametrize("total", [3, 200, 1000])
def test_no_time_is_visited_twice(rule, total):
    for count in range(2, total + 1):
        times = OF_TIMES[rule](count, total)
        assert len(times) == count and (times[0] == 0 or (rule, times[0]) == ("ddim", 1))
        assert all(a < b for a, b in pairwise(times))
        assert times[-1] >= total - -(-total // count)


@pytest.mark.parametrize("rule", OF_TIMES)
@pytest.mark.parametrize("count", [-3, 0, 201, 1000])
def test_more_steps_than_times_are_refused(rule, count):
    with pytest.raises(PosterityError, match=f"{count} steps: the noise schedule has 200 times; choose 1 to 200"):
        OF_TIMES[rule](count, 200)


@pytest.mark.parametrize("count", [2, 10, 250, 999, 1000])
def test_spaced_runs_from_first_to_last(count):
    times = spaced(count)
    assert (len(set(times)), times[0], times[-1]) == (count, 0, 999)
    assert max(b - a for a, b in pairwise(times)) - min(b - a for a, b in pairwise(times)) <= 1


def test_spaced_rounds_half_to_even():
    """Three of six times: 2.5 becomes 2."""
    assert spaced(3, 6) == [0, 2, 5]
    assert spaced(1000) == list(range(1000)) and spaced(1) == [999]


def test_resampling_of_the_published_setting():
    walk = time_travel(250, 10, 10)
    pairs = list(pairwise(walk))
    up = sum(b > a for a, b in pairs)
    assert (len(pairs), len(pairs) - up, up) == (4570, 2410, 2160)
    assert walk[:32] == [*range(249, 229, -1), *range(231, 241), 239, 238]
    assert walk[-2:] == [0, -1] and all(abs(a - b) == 1 for a, b in pairs)


def test_one_pass_is_the_plain_descent():
    assert time_travel(5, 1, 1) == [4, 3, 2, 1, 0, -1] == time_travel(5, 2, 1)


def test_a_stretch_is_passed_as_often_as_asked():
    walk = time_travel(6, 2, 3)
    assert walk == [5, 4, 3, 2, 3, 4, 3, 2, 3, 4, 3, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, -1]


def test_a_jump_longer_than_the_grid_never_happens():
    assert time_travel(4, 10, 10) == [3, 2, 1, 0, -1]


def test_latent_diffusions_grid_is_one_above_the_strides():
    assert ddim(50) == list(range(1, 1000, 20)) and ddim(200)[-1] == 996
    assert ddim(1000) == list(range(1000)) and ddim(30) == spaced(30)


def test_karras_levels_are_even_in_a_root_of_sigma():
    schedule = Schedule.linear()
    levels = schedule.grid(18, "karras")
    roots = [level.sigma ** (1 / 7) for level in levels]
    gaps = [a - b for a, b in pairwise(roots)]
    assert max(gaps) - min(gaps) < 1e-9 * roots[0]
    assert (levels[0], levels[-1]) == (schedule.level(999), schedule.level(0))
    assert len(schedule.grid(3000, "karras")) == 3000  # more than the table has
    with pytest.raises(PosterityError, match="0 steps: choose 1 or more"):
        karras(0, [0.1, 1.0])


def test_an_unknown_rule_is_refused():
    with pytest.raises(PosterityError, match="grid 'even' is none of strided, spaced, ddim, floored, karras"):
        Schedule.linear().grid(10, "even")


def test_levels_are_travelled_as_their_numbers_are():
    assert travelled("543210c", 2, 3) == ["c" if k < 0 else str(k) for k in time_travel(6, 2, 3)]
