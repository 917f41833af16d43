"""The mixed-effects model and the power against what is known about them."""

import numpy as np
import pytest
from typer.testing import CliRunner

from posterity.cli import app
from posterity.study import effects
from posterity.study.power import intercept, power


def _answers(beta, person_sd, image_sd, people, images, seed):
    rng = np.random.default_rng(seed)
    u, v = person_sd * rng.standard_normal((people, 1)), image_sd * rng.standard_normal(images)
    said = rng.random((people, images)) < 1 / (1 + np.exp(-(beta + u + v)))
    who = np.repeat([f"P{n}" for n in range(people)], images)
    what = np.tile([f"i{n}" for n in range(images)], people)
    return said.ravel().tolist(), who.tolist(), what.tolist()


def test_the_model_finds_the_share_and_what_differs():
    beta = intercept(0.65, float(np.hypot(0.4, 1.2)))
    found = effects.fit(*_answers(beta, 0.4, 1.2, people=40, images=60, seed=1))
    assert found.low < 65 < found.high and abs(found.value - 65) < 8
    # a logit is p (1 - p) = 23 % at most: people differ by 9 % at most and images by 27 %, less since shares saturate
    assert 12 < found.images < 27 and 3 < found.people < 12
    # what 60 images leave open, twice 2 standard errors
    assert found.high - found.low == pytest.approx(4 * found.images / np.sqrt(60), rel=0.35)


def test_its_interval_holds_the_truth_about_as_often_as_it_says():
    beta, hits = intercept(0.6, float(np.hypot(0.5, 1.0))), 0
    for seed in range(40):
        found = effects.fit(*_answers(beta, 0.5, 1.0, people=12, images=20, seed=seed))
        hits += found.low < 60 < found.high
    assert hits >= 34  # of 40; at 95 % fewer come about once in eighty times


@pytest.mark.slow
def test_it_is_told_apart_from_independent_answers():
    """The same answers by as many people as answers have a narrower interval: people who differ are what widens it."""
    said, who, what = _answers(0.3, 1.5, 0.0, people=10, images=40, seed=2)
    apart, together = effects.fit(said, [f"Q{n}" for n in range(400)], what), effects.fit(said, who, what)
    assert together.people > 15 and together.high - together.low > 2 * (apart.high - apart.low)


def test_where_nothing_differs_there_is_no_model():
    assert effects.fit([True, False], ["a", "a"], ["x", "y"]) is None
    assert effects.fit([True, False], ["a", "b"], ["x", "x"]) is None
    assert effects.fit([True] * 40, [f"P{n % 5}" for n in range(40)], [f"i{n // 5}" for n in range(40)]) is None


def test_the_intercept_gives_the_share():
    rng = np.random.default_rng(0)
    for share, spread in ((0.5, 1.0), (0.6, 0.0), (0.9, 2.0)):
        logits = intercept(share, spread) + spread * rng.standard_normal(400_000)
        assert (1 / (1 + np.exp(-logits))).mean() == pytest.approx(share, abs=0.002)


def test_power_grows_with_people_and_images_and_chance_is_rarely_told_from_itself():
    few, many = power(0.65, [5, 40], 40, studies=120)
    assert few.power < many.power and few.width > many.width and many.power > 0.85
    (narrow,) = power(0.65, [40], 8, studies=120)
    assert narrow.power < many.power
    (none,) = power(0.5, [20], 40, studies=300)
    assert none.power < 0.12
    assert power(0.65, [5], 40, studies=120) == [few]


def test_the_command_prints_a_line_for_each_number():
    done = CliRunner().invoke(
        app,
        ["study", "power", "--share", "0.9", "--images", "20", "--people", "5", "--people", "10", "--studies", "20"],
    )
    assert done.exit_code == 0 and [line.split()[0] for line in done.stdout.splitlines()] == ["people", "5", "10"]
    wrong = CliRunner().invoke(app, ["study", "power", "--share", "1.5", "--images", "20"])
    assert wrong.exit_code == 2
