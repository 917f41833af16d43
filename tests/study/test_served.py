"""The served study over HTTP: what is answered stays answered, and what no participant sends is turned away."""

import csv
import io
import json
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from posterity.artifacts import store
from posterity.cli import app
from posterity.errors import PosterityError
from posterity.stages import analyse, study
from posterity.study.design import about
from posterity.study.page import content_of
from posterity.study.served import attention, running, terms, turk
from posterity.study.served.app import application
from posterity.study.served.asking import asked, condition
from posterity.study.served.book import Book
from posterity.study.served.desk import Desk
from posterity.study.served.guard import MOST_BYTES, Bucket, Refused
from posterity.study.served.reading import from_book, standing

EVERY = 18
"""Questions of each participant: 6 items in 3 studies, each item once in a study."""


@pytest.fixture(scope="module")
def packaged(tmp_path_factory, inputs):
    folder = tmp_path_factory.mktemp("study")
    comparisons = [("paired_diversity", "fps"), ("coverage", "kmeans")]
    comparisons += [("paired_diversity", "guided"), ("paired_quality", "guided")]
    settings = {"experiment": "small", "count": 5, "questions": 50, "seed": 0,
                "comparisons": [{"study": s, "approach": a} for s, a in comparisons]}  # fmt: skip
    study.run(settings, inputs=inputs, output=folder / "questions.parquet", assets=folder)
    return folder


class Web:
    """A server in this process, and requests to it."""

    def __init__(self, desks, **buckets):
        import uvicorn

        self.socket = running.listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(application(desks, **buckets), log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)


def post(url, what, told, headers=None, body=None):
    """Returns (status, content)."""
    content = json.dumps(told).encode() if body is None else body
    request = urllib.request.Request(
        f"{url}/small/{what}", content, {"Content-Type": "application/json"} | (headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


@pytest.fixture
def desk(packaged, tmp_path):
    made = Desk(packaged, terms.parse({"completion_url": "https://example.org/done?cc=X1"}), tmp_path / "a.sqlite")
    yield made
    made.book.close()


@pytest.fixture
def web(desk):
    many = Bucket(1e6, 1e6)
    made = Web([desk], requests=many, newcomers=many)
    yield made
    made.stop()


def who(desk, name, number=0, **changes):
    return {"participant": name, "key": f"{number:032x}", "consent": True, "design": desk.design} | changes


def right(desk, question):
    """An answer that is valid, and right where there is a right one."""
    checks = {check.question: check.correct for check in desk._checks}
    return checks.get(question) or ("yes" if desk._study[question] == "coverage" else "left")


def answers_all(url, desk, name, number, stop=None):
    status, begun = post(url, "begin", who(desk, name, number))
    assert status == 200, begun
    for question in begun["asked"][:stop]:
        told = {"key": f"{number:032x}", "question": question, "answer": right(desk, question), "milliseconds": 900}
        assert post(url, "answer", told) == (200, {"question": question})
    return begun["asked"]


def scores(packaged, path, tmp_path, **settings):
    output = tmp_path / "scores.parquet"
    analyse.run(
        {"seed": 0, "replicates": 200} | settings,
        questions=packaged / "questions.parquet",
        responses=[path],
        output=output,
    )
    return store.read(output, "tables").to_pylist()


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


def test_nobody_goes_on_in_anothers_name(web, desk):
    answers_all(web.url, desk, "P1", 1, stop=3)
    status, told = post(web.url, "begin", who(desk, " p1 ", 2))
    assert status == 409 and "another browser" in told["error"]
    assert post(web.url, "answer", {"key": f"{2:032x}", "question": "q", "answer": "left", "milliseconds": 1})[0] == 401
    result = CliRunner().invoke(app, ["study", "people", str(desk.book.path), "--reopen", "P1"])
    assert result.exit_code == 0, result.output
    status, begun = post(web.url, "begin", who(desk, "P1", 2))
    assert status == 200 and len(begun["responses"]) == 3
    assert post(web.url, "begin", who(desk, "P1", 1))[0] == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"consent": False}, 403), ({"consent": "yes"}, 403), ({"design": "another"}, 409), ({"participant": ""}, 400),
        ({"participant": " \u00a0 "}, 400), ({"participant": "x" * 65}, 400), ({"participant": 7}, 400),
        ({"participant": "a\nb"}, 400), ({"participant": ["P1"]}, 400), ({"participant": {"$ne": ""}}, 400),
        ({"key": "short"}, 400), ({"key": "' OR 1=1 --".ljust(32)}, 400), ({"key": None}, 400),
    ],
)  # fmt: skip
def test_who_may_not_begin(web, desk, change, status):
    assert post(web.url, "begin", who(desk, "P1") | change)[0] == status
    assert desk.book.people() == []


def test_what_is_no_answer_is_not_taken(web, desk):
    names = answers_all(web.url, desk, "P1", 1, stop=0)
    good = {"key": f"{1:032x}", "question": names[0], "answer": right(desk, names[0]), "milliseconds": 5}
    others = next(q["question"] for q in desk._rows if q["question"] not in names)
    for change in (
        {"question": others}, {"question": "q' OR '1'='1"}, {"question": None}, {"answer": "maybe"}, {"answer": None},
        {"answer": "left'); DROP TABLE answers; --"}, {"milliseconds": -1}, {"milliseconds": 1.5},
        {"milliseconds": True}, {"milliseconds": "5"}, {"answer": "a" * 500}, {"extra": ["x"]},
    ):  # fmt: skip
        assert post(web.url, "answer", good | change)[0] == 400, change
    for body in (b"", b"[]", b"{", b"null", b'{"a":' * 700, b"\xff\xfe", b"1e999"):
        assert post(web.url, "answer", None, body=body)[0] == 400, body[:20]
    assert post(web.url, "answer", good | {"milliseconds": 10**300})[0] == 200  # a long lunch counts as a day
    assert desk.book.answers("p1")[0]["milliseconds"] == 86_400_000
    assert len(desk.book.answers("p1")) == 1


def test_names_stay_names(web, desk):
    """Whatever somebody calls themself is text: for SQL, for the page and for a spreadsheet."""
    names = [
        "'; DROP TABLE participants; --",
        "</script><script>alert(1)</script>",
        '=cmd|"/C calc"!A0',
        "Zoë 🦊",
        "%s${x}",
    ]
    for number, name in enumerate(names, 1):
        answers_all(web.url, desk, name, number, stop=1)
    assert [one.name for one in desk.book.people()] == names
    listed = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, ["study", "people", str(desk.book.path)]).stdout)))
    assert [row["participant"] for row in listed] == [f"'{n}" if n[0] == "=" else n for n in names]
    assert b"alert(1)" not in urllib.request.urlopen(f"{web.url}/small/?participant=%3Cscript%3Ealert(1)").read()


def test_consent_cannot_break_out_of_the_page(packaged, tmp_path):
    nasty = '</script><script>alert(1)</script> "%DESIGN%" \\u2028'
    desk = Desk(packaged, terms.parse({"consent": nasty}), tmp_path / "a.sqlite")
    page = desk.page.decode()
    assert "</script><script>alert" not in page and content_of(page)["served"]["consent"] == nasty
    assert "connect-src 'self'" in page and page.count("<script") == 3
    desk.book.close()


def test_long_and_foreign_messages_are_turned_away(web, desk):
    assert post(web.url, "begin", None, body=b'{"participant":"' + b"x" * 2 * MOST_BYTES + b'"}')[0] == 413
    assert post(web.url, "begin", None, body=b"x" * 3_000_000)[0] == 413
    assert post(web.url, "begin", who(desk, "P1"), {"Origin": "https://evil.example"})[0] == 403
    assert post(web.url, "begin", who(desk, "P1"), {"Content-Type": "text/plain"})[0] == 415
    assert desk.book.people() == []
    assert post(web.url, "begin", who(desk, "P1"), {"Origin": web.url})[0] == 200


def test_a_flood_is_stemmed_and_others_go_on(desk):
    web = Web([desk], requests=Bucket(0.001, 30), newcomers=Bucket(0.001, 5))
    try:
        found = Counter(post(web.url, "begin", who(desk, f"P{n}", n))[0] for n in range(50))
        assert found == {200: 5, 429: 45}
        assert len(desk.book.people()) == 5
    finally:
        web.stop()


def test_a_bucket_fills_again_and_forgets():
    now = [0.0]
    bucket = Bucket(2, 3, clock=lambda: now[0])
    for _ in range(3):
        bucket.take("a")
    with pytest.raises(Refused) as refused:
        bucket.take("a")
    assert refused.value.status == 429
    bucket.take("b")
    now[0] = 0.6
    bucket.take("a")
    for address in range(20_000):
        bucket.take(str(address))
    assert len(bucket._left) <= 10_000


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["{empty}"], "holds no study"),
        (["{study}", "--port", "{taken}"], "is in use; name another with --port"),
        (["{study}", "--host", "no.such.host.invalid"], "cannot listen at"),
        (["{study}", "--completion-url", "javascript:alert(1)"], "https://"),
        (["{study}", "--consent", "{empty}/none.txt"], "cannot be read as text"),
        (["{study}", "--answers", "{study}/index.html"], "file of answers"),
        (["{study}", "--answers", "{other}"], "name another --answers"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_line(packaged, tmp_path, options, said):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "empty").mkdir()
        Book(tmp_path / "other.sqlite", {"experiment": "small", "design": "0"}).close()
        places = {
            "empty": tmp_path / "empty",
            "study": packaged,
            "taken": taken.getsockname()[1],
            "other": tmp_path / "other.sqlite",
        }
        own = (
            ["--answers", str(tmp_path / "own.sqlite")]
            if "--answers" not in options and "{empty}" not in options
            else []
        )
        result = CliRunner().invoke(app, ["study", "serve", *(o.format(**places) for o in options), *own])
    assert result.exit_code == 2 and said in result.stderr and len(result.stderr.strip().splitlines()) == 1, (
        result.output
    )
    assert "Traceback" not in result.output


def test_a_file_that_holds_no_answers_is_told(packaged, tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(PosterityError, match="cannot be used as a file of answers"):
        scores(packaged, tmp_path / "x.sqlite", tmp_path)
    with pytest.raises(PosterityError, match="is no file"):
        scores(packaged, tmp_path / "none.sqlite", tmp_path)


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
