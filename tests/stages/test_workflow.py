"""A job ends when the workflow that asked for it has died, and a command that a person gave does not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import _workflow, degrade

ROOT = Path(__file__).parents[2]
COUNT = 8
SETTINGS: dict[str, Any] = {
    "dataset": "d",
    "task": "half",
    "prior": {"name": "kernel", "kind": "kernel", "bandwidth": 0.1},
    "sampler": {"name": "ddnm", "method": "ddnm", "settings": {"steps": 400}, "guidance": None},
    "samples": 1,
    "seed": 0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("workflow")
    x = torch.rand(COUNT, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = [{"dataset": "d", "item": f"i{n}", "split": "test", "image": images.encode(one)} for n, one in enumerate(x)]
    store.write(made / "items.parquet", "items", rows, {})
    store.write(made / "regions.parquet", "regions", [], {})
    task = {"name": "half", "operator": "sr", "factor": 2, "sigma_y": 0.0}
    given = {n: made / f"{n}.parquet" for n in ("items", "regions")}
    degrade.run(
        {"dataset": "d", "task": task, "items": COUNT, "seed": 0}, **given, output=made / "measurements.parquet"
    )
    return made


def command(folder: Path, name: str) -> list[str]:
    given = [w for n in ("items", "regions", "measurements") for w in (f"--{n}", str(folder / f"{n}.parquet"))]
    settings = ["--settings", json.dumps(SETTINGS), "--batch", "1", "--output", str(folder / f"{name}.parquet")]
    return [sys.executable, "-m", "posterity", "sample", *given, *settings]


@pytest.fixture
def jobs() -> Iterator[list[int]]:
    """Process ids of jobs; what a test leaves running is killed."""
    started: list[int] = []
    yield started
    for job in started:
        with suppress(ProcessLookupError):
            os.kill(job, signal.SIGKILL)


def ask(folder: Path, name: str, how: str, jobs: list[int]) -> subprocess.Popen[str]:
    """A process that starts a job by a shell, as Snakemake does, says the number of the shell, and waits."""
    text = "import subprocess, sys\nshell = subprocess.Popen(['bash', '-c', *sys.argv[1:]])\n"
    text += "print(shell.pid, flush=True)\nsys.exit(shell.wait())"
    words = [sys.executable, "-c", text, how, "bash", *command(folder, name)]
    workflow = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True
    )
    assert workflow.stdout is not None
    jobs.append(int(workflow.stdout.readline()))
    return workflow


def until(so: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


def parts(folder: Path, name: str) -> dict[str, int]:
    return {p.stem: p.stat().st_mtime_ns for p in folder.glob(f".{name}.parts/*/[!.]*.parquet")}


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
    done = subprocess.run(command(folder, name), capture_output=True, text=True, check=True)
    assert len(re.findall(r"ddnm: items \d+ of", done.stderr)) == COUNT - len(kept)


def test_a_person_may_close_the_terminal(folder: Path, jobs: list[int]) -> None:
    shell = ask(folder, "person", 'exec "$@"', jobs)
    until(lambda: len(parts(folder, "person")) > 1)
    shell.kill()
    shell.wait()
    until((folder / "person.parquet").exists)


def test_every_rule_lets_the_command_take_the_place_of_its_shell() -> None:
    """A shell in between may die alone: the workflow hears of a failure, and the command writes all the same."""
    commands = [
        line
        for path in (ROOT / "rules").glob("*.smk")
        for line in re.findall(r'^ {4}shell:\n {8}"(.*)', path.read_text(), re.MULTILINE)
    ]
    assert len(commands) > 12 and all(line.startswith("exec posterity ") for line in commands)


def test_what_is_no_process_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_workflow.VARIABLE, "me")
    with pytest.raises(PosterityError, match="POSTERITY_WORKFLOW is 'me'"):
        _workflow.ended()
