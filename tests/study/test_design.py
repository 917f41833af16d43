"""Which questions are asked: blind names, balanced sides, seeds, and mistakes told."""

import pytest

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import study
from posterity.study import design as designs


def _questions(inputs, settings, **changes):
    pools, chosen = study._read(inputs)
    return designs.questions(pools, chosen, designs.parse(settings | changes)), pools, chosen


def test_every_item_is_asked_once_in_each_comparison(inputs, settings):
    rows, _, _ = _questions(inputs, settings)
    assert len(rows) == 4 * 6
    assert len({(r["study"], r["approach"], r["item"]) for r in rows}) == len(rows)
    assert len({r["question"] for r in rows}) == len(rows)


def test_sides_are_balanced_and_samples_are_the_sets(inputs, settings):
    rows, _, _ = _questions(inputs, settings)
    for approach, reference, members in (("fps", "random", range(7, 12)), ("guided", "vanilla", range(5))):
        asked = [r for r in rows if (r["study"], r["approach"]) == ("paired_diversity", approach)]
        assert sum(r["left"] == approach for r in asked) == 3
        for r in asked:
            assert {r["left"], r["right"]} == {approach, reference}
            side = "left" if r["left"] == approach else "right"
            assert sorted(r[f"{side}_samples"]) == list(members)


def test_quality_shows_the_same_noise_on_both_sides(inputs, settings):
    rows, _, _ = _questions(inputs, settings)
    asked = [r for r in rows if r["study"] == "paired_quality"]
    assert all(r["left_samples"] == r["right_samples"] and len(r["left_samples"]) == 1 for r in asked)
    assert len({r["left_samples"][0] for r in asked}) > 1


def test_target_is_the_last_sample_that_no_subset_shows(tmp_path, inputs, settings):
    rows, _, _ = _questions(inputs, settings)
    assert {r["target_sample"] for r in rows if r["study"] == "coverage"} == {13}
    subsets = store.read(inputs[2], "subsets").to_pylist()
    last = [r | {"subset": "last", "sample": 13} for r in subsets if r["subset"] == "fps" and r["rank"] == 0]
    store.write(tmp_path / "last.parquet", "subsets", last, {})
    rows, _, _ = _questions([*inputs, tmp_path / "last.parquet"], settings)
    assert {r["target_sample"] for r in rows if r["study"] == "coverage"} == {12}


def test_the_seed_decides_everything(inputs, settings):
    once, again, other = (_questions(inputs, settings, seed=s)[0] for s in (1, 1, 2))
    assert once == again
    sides = [{(r["study"], r["approach"], r["item"]): r["left"] for r in rows} for rows in (once, other)]
    assert sides[0] != sides[1]
    assert [r["item"] for r in once] != [r["item"] for r in other]


def test_a_new_comparison_changes_no_other_question(inputs, settings):
    fewer = settings | {"comparisons": settings["comparisons"][:2]}
    names = {r["question"] for r in _questions(inputs, fewer)[0]}
    assert names < {r["question"] for r in _questions(inputs, settings)[0]}


def test_questions_bound_each_comparison_and_approaches_share_items(inputs, settings):
    comparisons = [{"study": "paired_diversity", "approach": a} for a in ("fps", "kmeans")]
    rows, _, _ = _questions(inputs, settings, questions=3, comparisons=comparisons)
    asked = [{r["item"] for r in rows if r["approach"] == a} for a in ("fps", "kmeans")]
    assert len(asked[0]) == 3 and asked[0] == asked[1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"comparisons": []}, "comparisons"),
        ({"comparisons": [{"study": "taste", "approach": "fps"}]}, "'taste'"),
        ({"comparisons": [{"study": "coverage", "approach": "fps", "against": "random"}]}, "leave out 'against'"),
        ({"comparisons": [{"study": "paired_quality", "approach": "fps"}]}, "'guided'"),
        ({"comparisons": [{"study": "paired_diversity", "approach": "random"}]}, "'random'"),
        ({"comparisons": [{"study": "paired_diversity", "approach": "guided", "against": "fps"}]}, "'vanilla'"),
        ({"count": 0}, "count"),
        ({"sides": 3}, "sides"),
        ({"experiment": "../x"}, "experiment"),
    ],
)
def test_settings_are_checked(settings, changes, told):
    with pytest.raises(PosterityError, match="study settings") as error:
        designs.parse(settings | changes)
    assert told in str(error.value)


def test_what_is_not_there_is_told_with_what_is(inputs, settings):
    with pytest.raises(PosterityError, match=r"comparisons\.0 .*'?far.*fps, kmeans, random"):
        _questions(inputs, settings, comparisons=[{"study": "coverage", "approach": "far"}])
    with pytest.raises(PosterityError, match="ask the same question"):
        _questions(inputs, settings, comparisons=[{"study": "paired_diversity", "approach": "fps"}] * 2)
    with pytest.raises(PosterityError, match="has 5 samples; the study's count is 6"):
        _questions(inputs, settings, count=6)


def test_a_pool_that_is_shown_whole_has_no_target(tmp_path, inputs, settings):
    rows = store.read(inputs[2], "subsets").to_pylist()
    every = [rows[0] | {"subset": "every", "rank": s, "sample": s, "item": r["item"]} for r in rows for s in range(14)]
    store.write(tmp_path / "every.parquet", "subsets", every, {})
    with pytest.raises(PosterityError, match="show the whole pool"):
        _questions([*inputs, tmp_path / "every.parquet"], settings)
