"""A job ends when the workflow that started it has died, but a command run by hand does not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sampling_job import command, inputs, parts, settings, until

from posterity.errors import PosterityError
from posterity.jobs import parent_process

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COUNT = 8
SETTINGS = settings(steps=400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("workflow"), [f"i{n}" for n in range(COUNT)], 32)


@pytest.fixture
def jobs() -> Iterator[list[int]]:
    """Process ids of jobs; those left running by a test are killed."""
    started: list[int] = []
    yield started
    for job in started:
        with suppress(ProcessLookupError):
            os.kill(job, signal.SIGKILL)


def ask(folder: Path, name: str, how: str, jobs: list[int]) -> subprocess.Popen[str]:
    """A process that starts a job by a shell, as Snakemake does, says the number of the shell, and waits."""
    text = "import subprocess, sys\nshell = subprocess.Popen(['bash', '-c', *sys.argv[1:]])\n"
    text += "print(shell.pid, flush=True)\nsys.exit(shell.wait())"
    words = [sys.executable, "-c", text, how, "bash", *command(folder, name, SETTINGS)]
    workflow = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True
    )
    assert workflow.stdout is not None
    jobs.append(int(workflow.stdout.readline()))
    return workflow


def running(folder: Path, name: str) -> bool:
    """Whether a process makes the output."""
    wanted = str(folder / f"{name}.parquet").encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"sample" in words and wanted in words:
                return True
    return False


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("direct", 'export POSTERITY_WORKFLOW=$PPID; exec "$@"'),
        # a rule that somebody adds, whose shell outlives the workflow
        ("shell", 'export POSTERITY_WORKFLOW=$PPID; "$@"; true'),
    ],
)
def test_a_job_ends_with_its_workflow_and_keeps_what_is_finished(
    folder: Path, jobs: list[int], name: str, how: str
) -> None:
    workflow = ask(folder, name, how, jobs)
    until(lambda: len(parts(folder, name)) > 1)
    workflow.kill()
    workflow.wait()
    until(lambda: not running(folder, name))
    kept = parts(folder, name)
    assert 1 < len(kept) < COUNT and not (folder / f"{name}.parquet").exists()
    done = subprocess.run(command(folder, name, SETTINGS), capture_output=True, text=True, check=True)
    assert len(re.findall(r"ddnm: items \d+ of", done.stderr)) == COUNT - len(kept)


def test_a_person_may_close_the_terminal(folder: Path, jobs: list[int]) -> None:
    shell = ask(folder, "person", 'exec "$@"', jobs)
    until(lambda: len(parts(folder, "person")) > 1)
    shell.kill()
    shell.wait()
    until((folder / "person.parquet").exists)


def test_every_rule_lets_the_command_take_the_place_of_its_shell() -> None:
    """A shell in between may die on its own: the workflow would see a failure while the command still writes."""
    commands = [
        line
        for path in (ROOT / "rules").glob("*.smk")
        for line in re.findall(r'^ {4}shell:\n {8}"(.*)', path.read_text(), re.MULTILINE)
    ]
    assert len(commands) > 12 and all(line.startswith("exec posterity ") for line in commands)


def test_what_is_no_process_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parent_process.VARIABLE, "me")
    with pytest.raises(PosterityError, match="POSTERITY_WORKFLOW is 'me'"):
        parent_process.ended()
