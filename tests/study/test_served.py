"""The served study over HTTP: answers stay, questions are shared out, checks tell who does not look."""

import csv
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from xml.etree import ElementTree

import pytest
from serving import EVERY, answers_all, post, right, scores, who
from typer.testing import CliRunner

from posterity.cli import app
from posterity.study.design import about
from posterity.study.page import content_of
from posterity.study.served import attention, terms, turk
from posterity.study.served.asking import asked, condition
from posterity.study.served.desk import Desk
from posterity.study.served.guard import Refused
from posterity.study.served.reading import from_book, standing


def test_two_people_at_once_lose_nothing(web, desk, packaged, tmp_path):
    done = {}
    threads = [
        threading.Thread(target=lambda n=n: done.update({n: answers_all(web.url, desk, f"P{n}", n)})) for n in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 2 and all(len(names) == EVERY + 2 == len(set(names)) for names in done.values())
    for number in (1, 2):
        assert (
            post(web.url, "finish", {"key": f"{number:032x}"})[1]["completion_url"] == "https://example.org/done?cc=X1"
        )
    rows, aside = from_book(desk.book.path)
    assert aside == [] and Counter(row["participant"] for _, row in rows) == {"P1": EVERY, "P2": EVERY}
    assert sum(row["count"] for row in scores(packaged, desk.book.path, tmp_path)) == 2 * EVERY
    assert [row["state"] for row in standing(desk.book.path)] == ["finished", "finished"]


def test_a_server_that_is_killed_has_lost_no_answer_and_goes_on(packaged, tmp_path):
    """The program itself, killed by SIGKILL after the seventh answer was acknowledged."""
    answers = tmp_path / "answers.sqlite"
    command = [
        sys.executable,
        "-m",
        "posterity",
        "study",
        "serve",
        str(packaged),
        "--port",
        "0",
        "--answers",
        str(answers),
    ]

    def started():
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return server, re.match(r"(http://127\.0\.0\.1:\d+)/small/", server.stdout.readline())[1]

    server, url = started()
    known = Desk(packaged, terms.parse({}), answers)  # a second reader of the same file
    try:
        names = answers_all(url, known, "P1", 1, stop=7)
        os.kill(server.pid, signal.SIGKILL)
        server.wait(20)
        server, url = started()
        status, begun = post(url, "begin", who(known, "P1", 1))
        assert status == 200 and begun["asked"] == names and not begun["finished"]
        assert [answer["question"] for answer in begun["responses"]] == names[:7]
        assert answers_all(url, known, "P1", 1) == names  # the first seven again, as a page does that heard no reply
        assert post(url, "finish", {"key": f"{1:032x}"})[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        known.book.close()
    assert Counter(row["participant"] for _, row in from_book(answers)[0]) == {"P1": EVERY}


def test_the_first_answer_counts(web, desk):
    names = answers_all(web.url, desk, "P1", 1)
    question = names[0]
    told = {"key": f"{1:032x}", "question": question, "answer": right(desk, question), "milliseconds": 1}
    other = {"left": "right", "right": "left", "yes": "no", "no": "yes"}[told["answer"]]
    assert post(web.url, "answer", told)[0] == 200
    assert post(web.url, "answer", told | {"answer": other})[0] == 409
    code = post(web.url, "finish", {"key": f"{1:032x}"})[1]["code"]
    assert post(web.url, "finish", {"key": f"{1:032x}"})[1]["code"] == code  # and not a second time later
    assert post(web.url, "answer", told | {"answer": other})[0] == 409
    assert {a["question"]: a["answer"] for a in desk.book.answers("p1")}[question] == told["answer"]
    assert len(desk.book.answers("p1")) == EVERY + 2


def test_questions_are_shared_out_evenly_and_quotas_hold(desk):
    rows, taken, full = desk._rows, Counter(), Counter()
    of = {row["question"]: condition(row) for row in rows}
    assert len(set(of.values())) == 4
    for number in range(40):
        names = asked(rows, taken, 5, 30, (), f"seed/{number}")
        groups = [about(next(r for r in rows if r["question"] == name)) for name in names]
        assert len(groups) == len(set(groups)) <= 5
        taken.update(names)
        full = Counter(of[q] for q in taken.elements())
        assert max(full.values()) <= 30
        if max(full.values()) < 30:
            assert max(full.values()) - min(full.values()) <= 1
    assert set(full.values()) == {30}  # and nobody is asked anything afterwards
    assert asked(rows, taken, 5, 30, (), "late") == []
    assert max(taken.values()) - min(taken.values()) <= 1


def test_a_full_study_says_so_and_a_place_becomes_free(packaged, tmp_path):
    desk = Desk(packaged, terms.parse({"participants": 2, "away": 60}), tmp_path / "a.sqlite")
    for number in (1, 2):
        desk.begin(who(desk, f"P{number}", number))
    with pytest.raises(Refused, match="all the answers"):
        desk.begin(who(desk, "P3", 3))
    with sqlite3.connect(desk.book.path) as base:
        base.execute("UPDATE participants SET seen = seen - 100 WHERE name = 'P1'")
    assert desk.begin(who(desk, "P3", 3))["asked"]
    assert desk.begin(who(desk, "P1", 1))["asked"]  # who has begun may go on
    desk.book.close()


def test_attention_checks_tell_who_does_not_look(desk, packaged, tmp_path):
    for number, careful in ((1, True), (2, False)):
        begun = desk.begin(who(desk, f"P{number}", number))
        checks = desk.book.find(f"p{number}").checks
        assert len(checks) == 2 and set(checks) < set(begun["asked"]) and begun["asked"][0] not in checks
        for question in begun["asked"]:
            answer = right(desk, question)
            if question in checks and not careful:
                answer = {"left": "right", "right": "left", "yes": "no", "no": "yes"}[answer]
            desk.answer({"key": f"{number:032x}", "question": question, "answer": answer, "milliseconds": 1})
        desk.finish({"key": f"{number:032x}"})
    rows, aside = from_book(desk.book.path)
    assert {row["participant"] for _, row in rows} == {"P1"} and "failed 2 of 2 attention checks" in aside[0]
    assert len(from_book(desk.book.path, failures=2)[0]) == 2 * EVERY
    assert [row["failed checks"] for row in standing(desk.book.path)] == [0, 2]
    assert sum(row["count"] for row in scores(packaged, desk.book.path, tmp_path)) == EVERY
    assert sum(row["count"] for row in scores(packaged, desk.book.path, tmp_path, failures=2)) == 2 * EVERY


def test_checks_look_like_questions_and_their_answers_are_not_in_the_page(desk):
    content = content_of(desk.page.decode())
    for block in content["blocks"]:
        for check in block["checks"]:
            assert re.fullmatch(r"q[0-9a-f]{12}", check["id"]) and set(check) == {"id", "target", "sets"}
    assert sum(len(block["checks"]) for block in content["blocks"]) == 2
    for correct in ("yes", "no"):
        made = [c for c in (attention.checks(str(s), ["coverage"], 1, 5)[0] for s in range(20)) if c.correct == correct]
        assert made and all((c.target in c.sets[0]) == (correct == "yes") for c in made)
    for check in (attention.checks(str(s), ["paired_diversity"], 1, 5)[0] for s in range(20)):
        assert [len(set(one)) for one in check.sets] == ([5, 1] if check.correct == "left" else [1, 5])


def test_who_did_not_finish_is_set_aside(desk, packaged, tmp_path, caplog):
    for number, stop in ((1, None), (2, 5)):
        begun = desk.begin(who(desk, f"P{number}", number))
        for question in begun["asked"][:stop]:
            desk.answer(
                {"key": f"{number:032x}", "question": question, "answer": right(desk, question), "milliseconds": 1}
            )
    with pytest.raises(Refused, match="not answered yet"):
        desk.finish({"key": f"{2:032x}"})
    with caplog.at_level(logging.WARNING):
        assert sum(row["count"] for row in scores(packaged, desk.book.path, tmp_path)) == EVERY
    assert "participant 'P2' answered" in caplog.text and f"of {EVERY} questions" in caplog.text


def test_a_hit_is_xml_with_the_variables_of_its_csv(packaged, tmp_path):
    result = CliRunner().invoke(
        app, ["study", "hit", str(packaged), "--url", "https://study.example.org/", "--output", str(tmp_path / "hit")]
    )
    assert result.exit_code == 0, result.output
    question = ElementTree.fromstring((tmp_path / "hit" / "hit.xml").read_text())
    assert question.tag.endswith("}HTMLQuestion") and [child.tag.split("}")[1] for child in question] == [
        "HTMLContent",
        "FrameHeight",
    ]
    page = question[0].text
    (row,) = csv.DictReader((tmp_path / "hit" / "hits.csv").open(newline=""))
    assert row["url"] == "https://study.example.org/small/" and row["questions"] == str(EVERY)
    variables = set(re.findall(r"\$\{(\w+)\}(?!`)", page.split("<script>")[0]))
    assert variables <= set(turk.COLUMNS) and {"url", "minutes", "questions", "reward"} <= variables
    assert "assignmentId" in page and "externalSubmit" in page
