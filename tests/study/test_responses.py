"""Answers: what the page saves is read, and each mistake is told with its file, participant and value."""

import json

import pytest

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import analyse, study


@pytest.fixture
def asked(tmp_path, inputs, settings):
    study.run(settings, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    return store.read(tmp_path / "questions.parquet", "questions").to_pylist()


def _save(path, rows, **changes):
    responses = [{k: r[k] for k in ("question", "study", "answer", "milliseconds") if k in r} for r in rows]
    about = {"format": "posterity-responses", "version": 1, "experiment": "small", "design": "x", "participant": "P1"}
    path.write_text(json.dumps(about | {"responses": responses} | changes))
    return path


def _answers(asked, choose):
    return [{"question": q["question"], "study": q["study"], "milliseconds": 900, "answer": choose(q)} for q in asked]


def _approach(question):
    if question["practice"]:
        return question["approach"]
    if question["study"] == "coverage":
        return "yes"
    return "left" if question["left"] == question["approach"] else "right"


def _run(tmp_path, paths):
    settings = {"seed": 0, "replicates": 500}
    analyse.run(settings, questions=tmp_path / "questions.parquet", responses=paths, output=tmp_path / "table.parquet")
    return store.read(tmp_path / "table.parquet", "tables").to_pylist()


def test_always_the_approach_is_a_hundred_percent(tmp_path, asked):
    rows = _run(tmp_path, [_save(tmp_path / "a.json", _answers(asked, _approach))])
    assert {(r["table"], r["column"]) for r in rows} == {
        ("paired_diversity", "fps"),
        ("paired_diversity", "guided"),
        ("coverage", "kmeans"),
        ("paired_quality", "guided"),
    }
    for r in rows:
        assert (r["row"], r["count"], r["value"], r["low"], r["high"]) == ("d/t/p/ddnm", 6, 100, 100, 100)
        assert r["experiment"] == "small" and r["published"] is None and "simulated" not in r["note"]


def test_always_left_is_half_for_pairs(tmp_path, asked):
    rows = _run(
        tmp_path, [_save(tmp_path / "a.json", _answers(asked, lambda q: {"coverage": "no"}.get(q["study"], "left")))]
    )
    assert {r["value"] for r in rows if r["table"] != "coverage"} == {50}
    assert {r["value"] for r in rows if r["table"] == "coverage"} == {0}


def test_two_participants_add_up(tmp_path, asked):
    paths = [_save(tmp_path / "a.json", _answers(asked, _approach))]
    paths += [_save(tmp_path / "b.json", _answers(asked, _approach)[:9], participant="P2")]
    assert sum(r["count"] for r in _run(tmp_path, paths)) == 24 + sum(not q["practice"] for q in asked[:9])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"question": "q0"}, "question 'q0' is not one of the 30"),
        ({"answer": "up"}, "answer 'up' is not one of left, right"),
        ({"answer": None}, "lacks answer"),
        ({"study": "coverage"}, "study is 'coverage', expected 'paired_diversity'"),
        ({"milliseconds": -3}, "milliseconds is -3"),
    ],
)
def test_a_bad_answer_is_told(tmp_path, asked, change, told):
    question = next(q for q in asked if q["study"] == "paired_diversity")
    path = _save(tmp_path / "a.json", [_answers([question], _approach)[0] | change])
    with pytest.raises(PosterityError, match=r"a\.json: participant 'P1'") as error:
        _run(tmp_path, [path])
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_bad_file_is_told(tmp_path, asked):
    path = tmp_path / "a.json"
    for content, told in (("{", "not JSON"), ("[]", "lacks format"), ('{"format": "x"}', "lacks version, experiment")):
        path.write_text(content)
        with pytest.raises(PosterityError, match=told):
            _run(tmp_path, [path])
    for changes, told in (
        ({"version": 2}, "version 2"),
        ({"responses": {}}, "expected a list"),
        ({"participant": 7}, "not a text"),
        ({"experiment": "large"}, "'large', expected 'small'"),
        ({"responses": [3]}, "lacks study"),
    ):
        with pytest.raises(PosterityError, match=told):
            _run(tmp_path, [_save(path, _answers(asked[:1], _approach), **changes)])
    with pytest.raises(PosterityError, match="no answer to"):
        _run(tmp_path, [_save(path, [])])
    with pytest.raises(PosterityError, match=r"valid are \.json and \.parquet"):
        _run(tmp_path, [tmp_path / "a.csv"])
    with pytest.raises(PosterityError, match="No such file"):
        _run(tmp_path, [tmp_path / "none.json"])


def test_an_answer_given_twice_is_told_with_both_files(tmp_path, asked):
    paths = [_save(tmp_path / f"{n}.json", _answers(asked, _approach)) for n in "ab"]
    with pytest.raises(PosterityError) as error:
        _run(tmp_path, paths)
    lines = str(error.value).splitlines()
    assert len(lines) == 6 and "b.json" in lines[0] and "a.json" in lines[0] and lines[-1] == "… and 25 more mistakes"
