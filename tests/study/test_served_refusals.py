"""What no participant sends is turned away by the served study, and what cannot be served is one line."""

import csv
import io
import socket
import urllib.error
import urllib.request
from collections import Counter

import pytest
from serving import Web, answers_all, post, right, scores, who
from typer.testing import CliRunner

from posterity.cli import app
from posterity.errors import PosterityError
from posterity.study.page import content_of
from posterity.study.served import terms
from posterity.study.served.book import Book
from posterity.study.served.desk import Desk
from posterity.study.served.guard import MOST_BYTES, Bucket, Refused


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
    with pytest.raises(PosterityError, match="is not a file"):
        scores(packaged, tmp_path / "none.sqlite", tmp_path)
