"""Which times are visited: strides, respacing, the walk of resampling."""

import pytest

from posterity.diffusion.grids import spaced, strided, time_travel, transitions


@pytest.mark.parametrize(("count", "largest"), [(20, 950), (100, 990), (1000, 999), (1, 0)])
def test_strided_ends_one_stride_before_the_total(count, largest):
    times = strided(count)
    assert len(times) == count and times[0] == 0 and times[-1] == largest


@pytest.mark.parametrize("count", [2, 10, 250, 999, 1000])
def test_spaced_runs_from_first_to_last(count):
    times = spaced(count)
    assert (len(set(times)), times[0], times[-1]) == (count, 0, 999)
    assert max(b - a for a, b in transitions(times)) - min(b - a for a, b in transitions(times)) <= 1


def test_spaced_rounds_half_to_even():
    """Three of six times: 2.5 becomes 2."""
    assert spaced(3, 6) == [0, 2, 5]
    assert spaced(1000) == list(range(1000)) and spaced(1) == [0]


def test_resampling_of_the_published_setting():
    walk = time_travel(250, 10, 10)
    pairs = transitions(walk)
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
