"""Finished cases of `posterity verify`: kept when it is interrupted, printed again, and gone on from."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from posterity.certificates import panel
from posterity.cli import app
from posterity.stages import _kept

pytestmark = pytest.mark.slow

RUN = CliRunner()
PLAIN = "def restore(denoise, A, y, sigma_y, noise):\n    return denoise(noise('init', 0), 300) + 0.3 * A.pinv(y)\n"
SLOW = """
import time
from pathlib import Path

def restore(denoise, A, y, sigma_y, noise):
    while sigma_y > 0.2 and not Path({flag!r}).exists():
        time.sleep(0.1)
    return denoise(noise("init", 0), 300) + 0.3 * A.pinv(y)
"""


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """A tier of next to nothing."""
    monkeypatch.setitem(panel.TIERS, "tiny", panel.Tier(8, 15, 64, 2, frozenset({"c2st"})))


def call(*words):
    done = RUN.invoke(app, ["verify", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def run(tmp_path):
    """Two cases of a file, and where they are kept."""
    (tmp_path / "mine.py").write_text(PLAIN)

    def verify(*more):
        words = ("--sampler", tmp_path / "mine.py", "--prior", "gaussian", "--task", "inpaint", "--task", "denoise")
        return call(*words, "--tier", "tiny", "--jobs", 1, "--output", tmp_path / "out", *more)

    return verify


def rows(text):
    return [line.split() for line in text.splitlines() if line.startswith("  mine")]


def said(caplog):
    lines = [record.message for record in caplog.records]
    caplog.clear()
    return lines


def test_a_kept_file_prints_the_same_table(run, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    first, kept = run(), tmp_path / "out/certificates.json"
    estimate, *cases = said(caplog)
    again = call("--from", kept)
    assert len(rows(first.stdout)) == 2 and rows(again.stdout) == rows(first.stdout)
    assert again.exit_code == first.exit_code
    assert estimate.startswith("2 cases, about ")  # before anything else
    assert [line.split(":")[0] for line in cases] == ["mine, gaussian, inpaint", "mine, gaussian, denoise"]
    found = _kept.read(kept)
    assert found.complete and found.text() == kept.read_text()
    assert "moments/w2" in call("--from", kept, "--panel").stdout


def test_json_is_the_kept_file_and_nothing_else(run, tmp_path):
    done = run("--json")
    content = json.loads(done.stdout)
    assert done.stdout == (tmp_path / "out/certificates.json").read_text()
    assert [(c["sampler"], c["task"], c["failed"]) for c in content["cases"]] == [
        ("mine", "inpaint", content["cases"][0]["failed"]), ("mine", "denoise", content["cases"][1]["failed"]),
    ]  # fmt: skip
    spread = next(f for f in content["cases"][0]["findings"] if (f["statistic"], f["part"]) == ("spread", "overall"))
    assert spread["value"] >= 0 and spread["verdict"] in ("exact", "open", "approximate")
    assert json.loads(call("--from", tmp_path / "out/certificates.json", "--json").stdout) == content


def test_the_same_command_goes_on_and_a_changed_file_begins_anew(run, tmp_path, caplog):
    run()
    caplog.set_level(logging.INFO)
    path = tmp_path / "out/certificates.json"

    def interrupt():
        """As it stands after one of two cases."""
        content = json.loads(path.read_text())
        content["cases"] = content["cases"][:1]
        content["cases"][0]["forwards"] = 77
        path.write_text(json.dumps(content))

    interrupt()
    shown = call("--from", path)
    assert len(rows(shown.stdout)) == 1 and "1 of 2 cases" in shown.stderr
    done, lines = run(), said(caplog)
    assert lines[0].startswith("1 of 2 cases are finished") and lines[1].startswith("1 case, ") and len(lines) == 3
    assert [r[-3] for r in rows(done.stdout)] == ["77", "1"]
    interrupt()
    (tmp_path / "mine.py").write_text(PLAIN.replace("0.3", "0.4"))
    done = run()
    assert not any("finished" in line for line in said(caplog)) and [r[-3] for r in rows(done.stdout)] == ["1", "1"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[:-40], "is not JSON"),
        (lambda text: "[]", "its top level"),
        (lambda text: text.replace('"total": 2', '"total": "many"'), "total: "),
        (lambda text: text.replace('"overall": "', '"overall": "very '), "cases.0.overall"),
        (lambda text: text.replace('"findings": [{', '"findings": [{}, {', 1), "cases.0.findings.0.statistic"),
        (lambda text: text.replace('"forwards": 1', '"forwards": NaN', 1), "NaN"),
        (lambda text: "[" * 100_000, "deep"),
    ],
)
def test_a_malformed_file_is_one_line(kept_text, tmp_path, change, told):
    assert change(kept_text) != kept_text
    (tmp_path / "c.json").write_text(change(kept_text))
    done = call("--from", tmp_path / "c.json")
    assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "c.json") in done.stderr and told in done.stderr


@pytest.fixture(scope="module")
def kept_text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    (folder / "mine.py").write_text(PLAIN)
    panel.TIERS["tiny"] = panel.Tier(8, 15, 64, 2, frozenset({"c2st"}))
    words = ("--sampler", folder / "mine.py", "--prior", "gaussian", "--task", "inpaint", "--task", "denoise")
    call(*words, "--tier", "tiny", "--jobs", 1, "--output", folder)
    return (folder / "certificates.json").read_text()


def test_from_takes_no_sampler_and_an_absent_file_is_one_line(tmp_path):
    done = call("ddrm", "--from", tmp_path / "c.json")
    assert done.exit_code == 2 and "leave out samplers" in done.stderr
    done = call("--from", tmp_path / "c.json")
    assert done.exit_code == 2 and done.stderr == f"{tmp_path / 'c.json'} cannot be read (No such file or directory)\n"


def test_a_process_that_is_interrupted_keeps_what_is_finished(tmp_path, caplog):
    """Two processes at two cases; Ctrl-C goes to all of them, as in a terminal."""
    flag, output = tmp_path / "flag", tmp_path / "out"
    (tmp_path / "mine.py").write_text(SLOW.format(flag=str(flag)))
    words = ["verify", "--sampler", tmp_path / "mine.py", "--prior", "gaussian", "--task", "inpaint", "--task",
             "denoise", "--output", output]  # fmt: skip
    words = [str(word) for word in words]
    process = subprocess.Popen(
        [sys.executable, "-m", "posterity", *words, "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # what runs in the background of a script inherits that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while '"task": "inpaint"' not in _text(output / "certificates.json"):
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        printed, told = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130 and "Traceback" not in told
    assert "1 of 2 cases" in told and told.splitlines()[-1].startswith("interrupted; finished parts are kept")
    assert len(rows(printed)) == 1
    assert rows(call("--from", output / "certificates.json").stdout) == rows(printed)
    flag.touch()
    caplog.set_level(logging.INFO)
    done, lines = call(*words[1:], "--jobs", "1"), said(caplog)
    assert lines[0].startswith("1 of 2 cases are finished") and lines[-1].startswith("mine, gaussian, denoise: ")
    assert len(rows(done.stdout)) == 2 and rows(done.stdout)[0] == rows(printed)[0]


def _text(path):
    return path.read_text() if path.exists() else ""
