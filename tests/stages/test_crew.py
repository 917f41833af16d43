"""Several processes make the items of one output: each item once, even if a process dies, with the same result.

The devices are declared ones; locks, claims, processes and signals are real.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sampling_job import INPUTS, command, inputs, parts, settings, until

from posterity.artifacts import store
from posterity.jobs.devices import LOCKS, _take

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "resources/priors/openmoji32/weights.safetensors"
COUNT = 10
SETTINGS = settings(steps=600)
NETWORK = SETTINGS | {
    "prior": {"name": "openmoji32", "kind": "network"},
    "sampler": SETTINGS["sampler"] | {"settings": {"steps": 10}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("crew"), [f"i{n}" for n in range(COUNT)], 32)


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start the command; processes left running by a test are killed."""
    started = []

    def run(name: str, gpus: int, asked: dict[str, Any] = SETTINGS) -> subprocess.Popen[str]:
        weights = ["--weights", str(WEIGHTS)] if asked == NETWORK else []
        words = command(folder, name, asked, *weights, "--gpus", str(gpus))
        # names of their own: the locks are for the whole machine
        devices = ",".join(f"{folder.name}-{name}-{k}" for k in range(3))
        environment = os.environ | {"POSTERITY_GPUS": devices, "OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def rows(folder: Path, name: str) -> pa.Table:
    return store.read(folder / f"{name}.parquet", "samples").drop_columns(["seconds", "peak_bytes"])


def helpers(parent: int) -> list[int]:
    """The helper processes of the parent, without those that multiprocessing starts for itself."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            mine = f"PPid:\t{parent}\n" in (place / "status").read_text()
            if mine and b"spawn_main" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


@pytest.fixture(scope="module")
def alone(folder: Path) -> pa.Table:
    """What one process makes."""
    from posterity.stages import sample

    given = {n: folder / f"{n}.parquet" for n in INPUTS}
    sample.run(SETTINGS, **given, output=folder / "alone.parquet", batch=1)
    return rows(folder, "alone")


def together(job: subprocess.Popen[str], folder: Path, name: str) -> list[int]:
    """Hold the first process until its helpers have made two items, and return the helpers."""
    until(lambda: len(parts(folder, name)) > 0)
    job.send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    before = len(parts(folder, name))
    until(lambda: len(parts(folder, name)) > before + 1)
    job.send_signal(signal.SIGCONT)
    return helpers(job.pid)


def test_each_item_is_made_once_and_the_result_is_that_of_one_process(
    folder: Path, start: Start, alone: pa.Table
) -> None:
    job = start("three", 3)
    assert len(together(job, folder, "three")) == 2
    said = job.communicate(timeout=240)[1]
    assert job.returncode == 0, said
    assert rows(folder, "three").equals(alone)
    made = re.findall(r"^(helper \d: )?ddnm: items (\d+) of", said, re.MULTILINE)
    assert sorted(int(number) for _, number in made) == list(range(1, COUNT + 1))
    assert len({who for who, _ in made}) > 1, said
    assert helpers(job.pid) == [] and parts(folder, "three") == {}


def test_every_process_with_a_network_has_a_device_of_its_own(folder: Path, start: Start) -> None:
    job = start("network", 2, NETWORK)
    together(job, folder, "network")
    said = job.communicate(timeout=240)[1]
    assert job.returncode == 0, said
    devices = re.findall(r"^(helper 1: )?computes on GPU (\S+)", said, re.MULTILINE)
    assert {who for who, _ in devices} == {"", "helper 1: "}
    assert len({device for _, device in devices}) == 2


def test_a_device_that_another_job_has_is_not_waited_for(folder: Path, start: Start) -> None:
    assert all(_take(LOCKS, f"{folder.name}-one-{k}", 0, alone=True) for k in (1, 2)), "as long as these tests run"
    said = (job := start("one", 2, NETWORK)).communicate(timeout=240)[1]
    assert job.returncode == 0, said
    assert f"computes on GPU {folder.name}-one-0" in said and said.count("computes on") == 1
    assert len(rows(folder, "one")) == COUNT


def test_the_items_of_a_helper_that_dies_are_made_by_the_others(folder: Path, start: Start, alone: pa.Table) -> None:
    job = start("helper", 2)
    for helper in (found := together(job, folder, "helper")):
        os.kill(helper, signal.SIGKILL)
    said = job.communicate(timeout=240)[1]
    assert len(found) == 1 and job.returncode == 0, said
    assert rows(folder, "helper").equals(alone)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -signal.SIGKILL)])
def test_when_the_first_process_ends_all_end_and_nothing_is_made_twice(
    folder: Path, start: Start, alone: pa.Table, number: int, code: int
) -> None:
    name = f"ended-{number}"
    job = start(name, 2)
    found = together(job, folder, name)
    job.send_signal(number)
    assert job.wait(180) == code
    # after a SIGKILL they see between two items that nobody waits for them
    until(lambda: not any(Path(f"/proc/{helper}").exists() for helper in found), 60)
    kept = parts(folder, name)
    assert len(found) == 1 and 2 < len(kept) < COUNT and not (folder / f"{name}.parquet").exists()
    said = (again := start(name, 1)).communicate(timeout=240)[1]
    assert again.returncode == 0, said
    assert len(re.findall(r"ddnm: items \d+ of", said)) == COUNT - len(kept)
    assert rows(folder, name).equals(alone)
