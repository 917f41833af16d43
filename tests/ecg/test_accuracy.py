"""Thresholds and balanced accuracy, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from posterity.ecg.accuracy import RULES, balanced_accuracy, interval, threshold


@pytest.mark.parametrize("seed", range(20))
def test_the_threshold_is_the_best_of_all_and_never_below_chance(seed):
    rng = np.random.default_rng(seed)
    labels = rng.random(30) < 0.3
    labels[:2] = True, False
    scores = rng.normal(size=30).round(1) - labels * rng.random()  # informative in the wrong direction, too
    every = [*np.unique(scores), scores.max() + 1]
    best = max(balanced_accuracy(scores >= at, labels) for at in every)
    at = threshold(scores, labels)
    assert balanced_accuracy(scores >= at, labels) == pytest.approx(best) and best >= 0.5

    def f1(at):
        called = scores >= at
        return 2 * (called & labels).sum() / (2 * (called & labels).sum() + (called ^ labels).sum())

    assert f1(threshold(scores, labels, "f1")) == pytest.approx(max(map(f1, every)))
    assert RULES == ("youden", "f1")


def test_a_threshold_lies_half_way_between_two_scores():
    labels = np.asarray([False, False, True, True])
    scores = np.asarray([0.1, 0.4, 0.5, 0.9])
    assert threshold(scores, labels) == threshold(scores, labels, "f1") == pytest.approx(0.45)
    assert balanced_accuracy(scores >= 0.45, labels) == 1


@pytest.mark.parametrize("value", [True, False])
def test_a_constant_predictor_is_at_chance(value):
    labels = np.arange(100) < 7
    called = np.full(100, value)
    assert balanced_accuracy(called, labels) == 0.5
    assert interval(called, labels, np.random.default_rng(0)) == (0.5, 0.5)
    at = threshold(np.full(100, 0.3), labels)
    assert balanced_accuracy(np.full(100, 0.3) >= at, labels) == 0.5


def test_the_interval_has_the_width_of_the_binomial_law():
    rng = np.random.default_rng(0)
    labels = np.arange(2000) < 500
    called = np.where(rng.random(2000) < 0.8, labels, ~labels)
    low, high = interval(called, labels, rng)
    wanted = 3.92 / 2 * (0.16 / 500 + 0.16 / 1500) ** 0.5
    assert low < balanced_accuracy(called, labels) < high
    assert high - low == pytest.approx(wanted, rel=0.15)
    assert np.isnan(balanced_accuracy(called, np.ones(2000, bool)))
