"""The interval against what is known about it, and the simulated respondent against the pictures."""

import numpy as np
import pytest

from posterity.artifacts import store
from posterity.stages import analyse, study
from posterity.study.analyse import bootstrap
from posterity.study.simulate import pixels


def _width(successes, answers):
    low, high = bootstrap(np.array(successes), np.array(answers), 20000, np.random.default_rng(0))
    return low, high


def test_one_answer_an_image_gives_the_binomial_interval():
    n = 400
    low, high = _width([1] * (n // 2) + [0] * (n // 2), [1] * n)
    # images carry all the variance: an answer resampled within its image is always itself
    assert (high - low) / 2 == pytest.approx(100 * 1.96 * 0.5 / np.sqrt(n), rel=0.05)
    assert (high + low) / 2 == pytest.approx(50, abs=0.5)


def test_answers_that_agree_within_images_tell_less():
    split, agreeing = _width([5] * 40, [10] * 40), _width([10] * 20 + [0] * 20, [10] * 40)
    # within: 100 sqrt(p (1 - p) / (40 · 10)) = 2.5; between: 100 sqrt(p (1 - p) / 40) = 7.9
    assert (split[1] - split[0]) / 2 == pytest.approx(1.96 * 2.5, rel=0.06)
    assert (agreeing[1] - agreeing[0]) / 2 == pytest.approx(1.96 * 7.9, rel=0.06)


def test_pixel_distances_are_root_mean_squares():
    import torch

    x = torch.rand(4, 3, 8, 8) * 2 - 1
    expected = (x[:, None] - x[None]).square().mean((2, 3, 4)).sqrt()
    np.testing.assert_allclose(pixels(x), expected, atol=1e-6)


def test_the_simulated_respondent_sees_the_variety_and_is_labelled(tmp_path, inputs, settings):
    study.run(settings | {"simulate": 4}, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    answers = store.read(tmp_path / "simulated.parquet", "responses").to_pylist()
    assert len(answers) == 4 * 24 and all(r["simulated"] for r in answers)
    analyse.run(
        {"seed": 0, "replicates": 1000}, questions=tmp_path / "questions.parquet",
        responses=[tmp_path / "simulated.parquet"], output=tmp_path / "table.parquet",
    )  # fmt: skip
    rows = {(r["table"], r["column"]): r for r in store.read(tmp_path / "table.parquet", "tables").to_pylist()}
    assert all("simulated respondent" in r["note"] for r in rows.values())
    assert rows["paired_diversity", "fps"]["value"] > 90 and rows["paired_diversity", "guided"]["value"] > 90
    assert rows["paired_diversity", "fps"]["note"].startswith("against random")
    study.run(settings, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    assert not (tmp_path / "simulated.parquet").exists()


def test_the_simulated_respondent_answers_from_the_pictures(tmp_path, inputs, settings):
    """The same questions with the sets' names swapped give the same choice of pictures."""
    comparisons = [{"study": "paired_diversity", "approach": "random", "against": "fps"}]
    changed = settings | {"simulate": 4, "comparisons": comparisons}
    study.run(changed, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    paths = {"questions": tmp_path / "questions.parquet", "responses": [tmp_path / "simulated.parquet"]}
    analyse.run({"replicates": 100}, **paths, output=tmp_path / "table.parquet")
    (row,) = store.read(tmp_path / "table.parquet", "tables").to_pylist()
    assert row["value"] < 10
