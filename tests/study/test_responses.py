"""Answers: pages' files and spreadsheets are read, people are told apart, and each mistake is told with its place."""

import csv
import io
import json
import logging

import pytest

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import analyse, study
from posterity.study.design import fingerprint
from posterity.study.responses import person

EVERY = 18
"""Questions that the page asks each participant: 6 items in 3 studies, each item once in a study."""


@pytest.fixture
def asked(tmp_path, inputs, settings):
    study.run(settings, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    return store.read(tmp_path / "questions.parquet", "questions").to_pylist()


def _version(asked):
    return fingerprint(q for q in asked if not q["practice"])


def _save(path, asked, rows, **changes):
    about = {"format": "posterity-responses", "version": 1, "experiment": "small", "design": _version(asked)}
    path.write_text(json.dumps(about | {"participant": "P1", "responses": rows} | changes))
    return path


def _approach(question):
    if question["practice"]:
        return question["approach"]
    if question["study"] == "coverage":
        return "yes"
    return "left" if question["left"] == question["approach"] else "right"


def _answers(asked, choose=_approach):
    return [{"question": q["question"], "study": q["study"], "milliseconds": 900, "answer": choose(q)} for q in asked]


def _run(tmp_path, paths, **settings):
    settings = {"seed": 0, "replicates": 500} | settings
    analyse.run(settings, questions=tmp_path / "questions.parquet", responses=paths, output=tmp_path / "table.parquet")
    return store.read(tmp_path / "table.parquet", "tables").to_pylist()


def _count(rows):
    return sum(r["count"] for r in rows)


def _about(tmp_path):
    return store.provenance(tmp_path / "table.parquet")["origin"]


def _refused(tmp_path, paths, **settings):
    with pytest.raises(PosterityError) as error:
        _run(tmp_path, paths, **settings)
    assert not (tmp_path / "table.parquet").exists()
    return str(error.value)


def test_always_the_approach_is_a_hundred_percent(tmp_path, asked):
    rows = _run(tmp_path, [_save(tmp_path / "a.json", asked, _answers(asked))])
    assert {(r["table"], r["column"]) for r in rows} == {
        ("paired_diversity", "fps"),
        ("paired_diversity", "guided"),
        ("coverage", "kmeans"),
        ("paired_quality", "guided"),
    }
    for r in rows:
        assert (r["row"], r["count"], r["value"], r["low"], r["high"]) == ("d/t/p/ddnm", 6, 100, 100, 100)
        assert r["experiment"] == "small" and r["published"] is None and "simulated" not in r["note"]
    assert _about(tmp_path)["participants"] == 1 and _about(tmp_path)["set aside"] == []


def test_always_left_is_half_for_pairs(tmp_path, asked):
    rows = _answers(asked, lambda q: {"coverage": "no"}.get(q["study"], "left"))
    rows = _run(tmp_path, [_save(tmp_path / "a.json", asked, rows)])
    assert {r["value"] for r in rows if r["table"] != "coverage"} == {50}
    assert {r["value"] for r in rows if r["table"] == "coverage"} == {0}


# --- who it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["P07 ", "p07", "\tP07", "Ｐ０７", "P07\u00a0"])
def test_one_person_however_the_number_is_typed(tmp_path, asked, other):
    assert person(other) == person("P07") != person("P7")
    half = len(asked) // 2
    paths = [_save(tmp_path / "a.json", asked, _answers(asked[:half]), participant="P07")]
    paths += [_save(tmp_path / "b.json", asked, _answers(asked[half:]), participant=other)]
    assert _count(_run(tmp_path, paths)) == 24 and _about(tmp_path)["participants"] == 1
    (tmp_path / "table.parquet").unlink()
    paths = [_save(tmp_path / "a.json", asked, _answers(asked), participant="P07")]
    paths += [_save(tmp_path / "b.json", asked, _answers(asked[4:]), participant=other)]
    told = _refused(tmp_path, paths)
    assert told.endswith(
        f"b.json: participant {other!r}: question {asked[4]['question']!r} is answered already in {paths[0]} "
        f"by 'P07', the same person; each participant answers a question once (and {len(asked) - 5} more like it)"
    )


def test_people_with_other_numbers_are_others(tmp_path, asked):
    names = ("P07", "P7", "P 07", "P070")
    paths = [_save(tmp_path / f"{k}.json", asked, _answers(asked), participant=name) for k, name in enumerate(names)]
    assert _count(_run(tmp_path, paths)) == 4 * 24 and _about(tmp_path)["participants"] == 4


# --- what is set aside ---------------------------------------------------------------------------------------------


def _some(asked, count):
    """A participant's first ``count`` answers, with practice and an item once in a study, as the page asks."""
    real = {(q["study"], q["item"]): q for q in asked if not q["practice"]}
    return [q for q in asked if q["practice"]] + list(real.values())[:count]


def test_participants_who_stopped_are_set_aside(tmp_path, asked, caplog):
    caplog.set_level(logging.INFO)
    paths = [_save(tmp_path / "a.json", asked, _answers(_some(asked, EVERY)))]
    paths += [_save(tmp_path / "b.json", asked, _answers(_some(asked, EVERY - 1)), participant="P2")]
    paths += [_save(tmp_path / "c.json", asked, _answers(_some(asked, 0)), participant="P3")]
    assert _count(_run(tmp_path, paths)) == EVERY
    aside = [f"{paths[1]}: participant 'P2' answered 17 of 18 questions",
             f"{paths[2]}: participant 'P3' answered 0 of 18 questions"]  # fmt: skip
    about = _about(tmp_path)
    assert (about["participants"], about["set aside"]) == (1, aside)
    assert [r.message for r in caplog.records] == [
        *(f"set aside: {line}" for line in aside), "answers of 1 participants are analysed",
    ]  # fmt: skip


def test_participants_who_stopped_are_analysed_where_that_is_asked_for(tmp_path, asked):
    paths = [_save(tmp_path / "a.json", asked, _answers(_some(asked, EVERY)))]
    paths += [_save(tmp_path / "b.json", asked, _answers(_some(asked, 5)), participant="P2")]
    assert _count(_run(tmp_path, paths, partial=True)) == EVERY + 5
    assert _about(tmp_path)["participants"] == 2 and _about(tmp_path)["settings"]["partial"] is True


def test_the_limit_of_the_design_is_what_a_participant_answers(tmp_path, inputs, settings):
    study.run(settings | {"questions": 8}, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    asked = store.read(tmp_path / "questions.parquet", "questions").to_pylist()
    path = _save(tmp_path / "a.json", asked, _answers(_some(asked, 8)))
    assert _count(_run(tmp_path, [path])) == 8


def test_answers_to_another_version_of_the_design_are_set_aside(tmp_path, asked):
    now = _save(tmp_path / "a.json", asked, _answers(asked))
    before = _save(tmp_path / "b.json", asked, _answers(asked), participant="P2", design="0123456789ab")
    unknown = [{"question": "q0", "study": "coverage", "answer": "yes", "milliseconds": 1}] * 3
    older = _save(tmp_path / "c.json", asked, unknown, participant="P3", design="ab0123456789")
    assert _count(_run(tmp_path, [before, now, older])) == 24
    assert _about(tmp_path)["set aside"] == [
        f"{before}: participant 'P2' answered {len(asked)} questions of another version of the design",
        f"{older}: participant 'P3' answered 3 questions of another version of the design",
    ]
    (tmp_path / "table.parquet").unlink()
    told = _refused(tmp_path, [before])
    assert f"there is no answer to {tmp_path / 'questions.parquet'} that can be analysed ({before}: participant" in told


def test_who_answered_both_versions_is_analysed_in_this_one(tmp_path, asked):
    now = _save(tmp_path / "a.json", asked, _answers(asked))
    before = _save(tmp_path / "b.json", asked, _answers(asked), design="0123456789ab", participant="p1")
    assert _count(_run(tmp_path, [before, now])) == 24
    assert len(_about(tmp_path)["set aside"]) == 1


# --- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"question": "q0"}, "question 'q0' is not one of the 30"),
        ({"question": ["q0"]}, "question ['q0'] is not one of the 30"),
        ({"answer": "up"}, "answer 'up' is not one of left, right"),
        ({"answer": ["left"]}, "answer ['left'] is not one of left, right"),
        ({"answer": None}, "lacks answer"),
        ({"study": "coverage"}, "study is 'coverage', expected 'paired_diversity'"),
        ({"milliseconds": -3}, "milliseconds is -3"),
        ({"milliseconds": True}, "milliseconds is True"),
        ({"milliseconds": 1.5}, "milliseconds is 1.5"),
    ],
)
def test_a_bad_answer_is_told(tmp_path, asked, change, told):
    question = next(q for q in asked if q["study"] == "paired_diversity")
    path = _save(tmp_path / "a.json", asked, [_answers([question])[0] | change])
    found = _refused(tmp_path, [path])
    assert f"{path}: participant 'P1': " in found and told in found and "\n" not in found


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[" * 10**5, "holds lists and objects more than 40 deep"),
        ('{"responses": ' * 10**5, "holds lists and objects more than 40 deep"),
        (b"\xff\xfe\0", "is not JSON (it is not UTF-8 text)"),
        ('{"format": "x", "format": "x"}', "key 'format' is given twice"),
        ("[]", "lacks format"),
        ('{"format": "x"}', "lacks version, experiment"),
    ],
)
def test_a_file_that_the_page_did_not_save_is_told(tmp_path, asked, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = _refused(tmp_path, [path])
    assert found.startswith(f"{path} {told}" if "key" not in told else f"{path} is not JSON") and told in found
    assert found.endswith("expected the file that the study page saved") and "\n" not in found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 2}, "version 2"),
        ({"version": [2]}, "version [2]"),
        ({"responses": {}}, "expected a list"),
        ({"participant": 7}, "participant 7: participant is not a text (and 29 more like it)"),
        ({"participant": " "}, "participant ' ': participant is not a text"),
        ({"participant": ["P1"]}, "participant is not a text"),
        ({"experiment": "large"}, "experiment is 'large', expected 'small' (and 29 more like it)"),
        ({"responses": [3, None]}, "lacks question, answer (and 1 more like it)"),
        ({"responses": []}, "no answer to"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path, asked, changes, told):
    found = _refused(tmp_path, [_save(tmp_path / "a.json", asked, _answers(asked), **changes)])
    assert told in found and "\n" not in found


def test_files_that_cannot_be_read_are_told_together(tmp_path, asked):
    good = _save(tmp_path / "good.json", asked, _answers(asked))
    paths = [tmp_path / f"{k}.json" for k in range(7)]
    lines = _refused(tmp_path, [paths[0], good, tmp_path / "a.txt", *paths[1:]]).splitlines()
    assert len(lines) == 6 and lines[-1] == "… and 3 more files that cannot be read"
    assert lines[0] == f"{paths[0]} cannot be read (No such file or directory)"
    assert lines[1] == f"responses {tmp_path / 'a.txt'} end in '.txt', expected one of .csv, .json, .parquet, .sqlite"


def test_an_answer_given_twice_is_told_with_both_files(tmp_path, asked):
    paths = [_save(tmp_path / f"{n}.json", asked, _answers(asked)) for n in "ab"]
    found = _refused(tmp_path, paths)
    assert found.startswith(f"{paths[1]}: participant 'P1': question ") and "\n" not in found
    assert f"answered already in {paths[0]}; each" in found and found.endswith("(and 29 more like it)")
    rows = _answers(asked)
    assert "is answered twice; each participant" in _refused(tmp_path, [_save(paths[0], asked, [*rows, rows[0]])])


def test_five_mistakes_are_shown(tmp_path, asked):
    paths = [_save(tmp_path / f"{k}.json", asked, _answers(asked), experiment="large") for k in range(8)]
    lines = _refused(tmp_path, paths).splitlines()
    assert len(lines) == 6 and lines[-1] == "… and 3 more mistakes"


# --- spreadsheets --------------------------------------------------------------------------------------------------


def _sheet(path, asked, delimiter=",", encoding="utf-8", people=("P1",), columns=("participant", "question", "answer")):
    version = _version(asked)
    text = io.StringIO()
    lines = csv.DictWriter(text, columns, delimiter=delimiter, extrasaction="ignore")
    lines.writeheader()
    for name in people:
        about = {"participant": name, "design": version, "experiment": "small", "simulated": ""}
        lines.writerows(row | about for row in _answers(asked))
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_say_what_pages_say(tmp_path, asked, delimiter, encoding):
    page = _run(tmp_path, [_save(tmp_path / f"{n}.json", asked, _answers(asked), participant=n) for n in ("P1", "P2")])
    every = ("participant", "question", "answer", "study", "experiment", "milliseconds", "design", "simulated")
    for columns in (every, every[:3], every[2::-1]):
        path = _sheet(tmp_path / "a.csv", asked, delimiter, encoding, ("P1", "p2 "), columns)
        assert _run(tmp_path, [path]) == page


def test_a_spreadsheet_as_people_write_it(tmp_path, asked):
    """Capitals, blanks, empty lines and cells, and empty columns at the end."""
    lines = ["Participant , QUESTION,Answer,milliseconds,,"]
    lines += [f"P1,{r['question']} ,{r['answer'].upper()},900.0,," for r in _answers(asked)]
    lines += ["", ",,,,", "  ,, ,,"]
    (tmp_path / "a.csv").write_text("\r\n".join(lines))
    assert _count(_run(tmp_path, [tmp_path / "a.csv"])) == 24


def test_a_spreadsheet_of_several_versions_and_of_people_who_stopped(tmp_path, asked):
    path = tmp_path / "a.csv"
    version = _version(asked)
    lines = ["participant,question,answer,design"]
    lines += [f"P1,{r['question']},{r['answer']},{version}" for r in _answers(asked)]
    lines += [f"P2,{r['question']},{r['answer']},0123456789ab" for r in _answers(asked)]
    lines += [f"P3,{r['question']},{r['answer']}," for r in _answers(_some(asked, 3))]
    path.write_text("\n".join(lines))
    assert _count(_run(tmp_path, [path])) == 24
    assert _about(tmp_path)["set aside"] == [
        f"{path}: participant 'P2' answered {len(asked)} questions of another version of the design",
        f"{path}: participant 'P3' answered 3 of 18 questions",
    ]


def test_a_spreadsheet_of_the_simulated_respondent_stays_simulated(tmp_path, inputs, settings):
    study.run(settings | {"simulate": 2}, inputs=inputs, output=tmp_path / "questions.parquet", assets=tmp_path)
    simulated = store.read(tmp_path / "simulated.parquet", "responses")
    expected = _run(tmp_path, [tmp_path / "simulated.parquet"])
    simulated.to_pandas().to_csv(tmp_path / "a.csv", index=False)
    assert _run(tmp_path, [tmp_path / "a.csv"]) == expected and all("simulated" in r["note"] for r in expected)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "lacks the columns participant, question, answer; its first line is empty"),
        ("participant,question\nP1,q\n", "lacks the column answer; its first line is participant, question"),
        ("participant,question,answer,age\n", "has the column 'age'; expected each of participant, question, answer,"),
        ("participant,question,answer,answer\n", "has the column 'answer'; expected each of"),
        ("participant,question,answer\nP1,q0,left\nP1,q1,left\n",
         ", line 2: participant 'P1': question 'q0' is not one of the 30 of this study"),
        ("participant,question,answer\nP1,q0,left,1\n", ", line 2 has 4 cells, but there are 3 columns"),
        ("participant,question,answer\nP1,q0\n", ", line 2: participant 'P1': a response lacks answer"),
        ("participant,question,answer\n,q0,left\n", ", line 2: participant None: a response lacks participant"),
        ('participant,question,answer\n"P1,q0,left\n', ", line 2 is not CSV (unexpected end of data)"),
        ("participant,question,answer,simulated\nP1,q0,left,perhaps\n", ", line 2: simulated is 'perhaps', expected"),
        ("participant,question,answer\n" + "x" * 200_000, ", line 2 is not CSV (field larger than field limit"),
        (b"participant,question,answer\nM\xfcller,q0,left\n", "is not UTF-8 text; save the spreadsheet as 'CSV UTF-8'"),
        ("participant,question,answer\n".encode("utf-16"), "is not UTF-8 text; save the spreadsheet as 'CSV UTF-8'"),
    ],
)  # fmt: skip
def test_a_bad_spreadsheet_is_told(tmp_path, asked, content, told):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = _refused(tmp_path, [path])
    assert found.startswith(f"{path}{'' if told.startswith(',') else ' '}{told}") and "\n" not in found


@pytest.mark.parametrize("took", ["-3", "1.5", "soon", "1e3"])
def test_a_bad_time_in_a_spreadsheet_is_told(tmp_path, asked, took):
    (tmp_path / "a.csv").write_text(
        "participant,question,answer,milliseconds\n"
        + "".join(f"P1,{r['question']},{r['answer']},{took}\n" for r in _answers(asked))
    )
    found = _refused(tmp_path, [tmp_path / "a.csv"])
    assert f"a.csv, line 2: participant 'P1': question {asked[0]['question']!r}: milliseconds is {took!r}" in found


def test_every_file_is_read_once(tmp_path, asked, monkeypatch):
    import posterity.json_reader as reader

    opened = []
    whole = reader.bounded
    monkeypatch.setattr(reader, "bounded", lambda path: opened.append(path) or whole(path))
    rows = _answers(asked)
    paths = [_save(tmp_path / f"{k}.json", asked, rows, participant=f"P{k}") for k in range(40)]
    assert _count(_run(tmp_path, paths)) == 40 * 24
    assert opened == paths
