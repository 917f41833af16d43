"""The shipped workflow through a real SLURM: three GPUs, seven deaths, and the same artifacts as without.

One run, looked at from all sides, because it takes minutes: ``make test-slurm``.
"""

from __future__ import annotations

import re
import signal
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from slurm_cluster import Cluster, running
from slurm_observer import Death, Observer, instrument, uses
from slurm_workspace import BIN, ROOT, SAMPLERS, environment, workspace

from posterity.artifacts import store

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

# "dps" and "copaint" take long enough for the scheduler to look at the clock, which it does every half minute
STEPS = {"dps": 1000, "copaint": 600, "pgdm": 300, "ddrm": 300, "diffpir": 300, "ilvr": 600}


def time_is_up(cluster: Cluster, job: dict[str, str]) -> None:
    cluster.ask("scontrol", "update", f"jobid={job['id']}", "endtime=now")


def time_is_nearly_up(cluster: Cluster, job: dict[str, str]) -> None:
    """Less than the three minutes that the profile asks SLURM to warn before."""
    soon = datetime.now() + timedelta(seconds=150)
    cluster.ask("scontrol", "update", f"jobid={job['id']}", f"endtime={soon:%Y-%m-%dT%H:%M:%S}")


def more_time(cluster: Cluster, job: dict[str, str]) -> None:
    """Give a job more time once it was warned, since how long an item takes is the machine's matter."""
    later = datetime.now() + timedelta(hours=2)
    cluster.ask("scontrol", "update", f"jobid={job['id']}", f"endtime={later:%Y-%m-%dT%H:%M:%S}")


def scancel(cluster: Cluster, job: dict[str, str]) -> None:
    cluster.ask("scancel", job["id"])


def scancel_gently(cluster: Cluster, job: dict[str, str]) -> None:
    cluster.ask("scancel", "--signal=TERM", job["id"])


def node_down(cluster: Cluster, job: dict[str, str]) -> None:
    cluster.power_cut(job["node"])
    cluster.repair(job["node"])


def requeue(cluster: Cluster, job: dict[str, str]) -> None:
    """What the controller does with a job that is preempted."""
    cluster.ask("scontrol", "requeue", job["id"])


@dataclass
class Run:
    """What the one run on the cluster left."""

    folder: Path
    output: str
    uses: list[dict[str, str]]
    observer: Observer
    deaths: dict[str, Death]
    local: Path


def snakemake(folder: Path, *words: str, path: str = "", seconds: int = 7200, **variables: str) -> str:
    command = [str(BIN / "snakemake"), "-s", str(ROOT / "Snakefile"), *words]
    more = environment(**variables)
    more["PATH"] = f"{path}:{more['PATH']}" if path else more["PATH"]
    process = subprocess.Popen(
        command, cwd=folder, env=more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except BaseException:
        process.send_signal(signal.SIGINT)  # which cancels its jobs
        process.wait(60)
        raise
    assert process.returncode == 0, output[-12000:]
    return output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    folder = tmp_path_factory.mktemp("slurm")
    asked = {
        # an item at a time, so that a death has something to lose and something to keep
        "resources": [
            {"prior": "tiny", "batch": 2},
            {"stage": "sample", "prior": "tiny", "sampler": "ddnm", "mem_mb": 600},
            {"stage": "sample", "prior": "tiny", "sampler": "dps", "gpu": 2},
            # on a node of its own, so that none takes it down while it waits for the scheduler's look at the clock
            {"stage": "sample", "prior": "tiny", "sampler": "copaint", "gpu": 2},
        ],
        "samplers": {name: {"settings": {"steps": steps}} for name, steps in STEPS.items()},
    }
    chosen = list(dict.fromkeys([request.config.getoption("--experiment"), "gpus"]))
    here = workspace(folder / "cluster", *chosen, **asked)
    local = workspace(folder / "local", *chosen, **asked)
    deaths = [
        Death("time limit", "dps", time_is_up),
        Death("memory", "ddnm", None),
        Death("node down", "pgdm", node_down),
        Death("scancel", "ddrm", scancel),
        Death("requeue", "diffpir", requeue),
        Death("warning", "copaint", time_is_nearly_up, warned=more_time),
        Death("gentle scancel", "ilvr", scancel_gently),
    ]
    path = instrument(folder / "bin", BIN / "posterity")
    with running(folder / "slurm") as cluster:
        observer = Observer(cluster, here / "results", deaths)
        observer.start()
        output = snakemake(
            here, "--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue",
            "--slurm-init-seconds-before-status-checks", "2", path=str(path),
        )  # fmt: skip
        observer.finish()
    # as many devices as the job on two has, whose processes divide its threads: the sums of a network depend on these
    devices = f"{local}/0,{local}/1"
    snakemake(local, "--workflow-profile", "profiles/default", "--cores", "2", POSTERITY_GPUS=devices)
    return Run(here, output, uses(path), observer, {d.how: d for d in deaths}, local)


def starts(run: Run, sampler: str) -> list[dict[str, str]]:
    return [u for u in run.uses if u["stage"] == "sample" and u["output"].endswith(f"/tiny/{sampler}.parquet")]


def test_gpus_are_never_shared_and_always_asked_for(run: Run) -> None:
    wanted = [u for u in run.uses if u["gpu"]]
    assert len(wanted) >= 1 + len(SAMPLERS) + len(run.deaths) - 1
    assert all(u["alone"] for u in wanted)
    places = {(u["node"], u["gpu"]) for u in wanted}
    assert places <= {("gpu1", "0"), ("gpu1", "1"), ("gpu2", "0"), ("gpu1", "0,1")}
    assert ("gpu1", "0,1") in places, "a job that wants two gets them on one node"
    assert run.observer.waited > 0, "more jobs wanted a GPU than there were"
    # and those with a closed form, or without a prior, asked for none; what is fetched is no job of the cluster
    assert all(u["node"] == ("" if u["stage"] == "fetch" else "cpu1") for u in run.uses if not u["gpu"])
    assert {u["stage"] for u in wanted} == {"train", "sample"}


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("time limit", "TIMEOUT"),
        ("memory", "FAILED|OUT_OF_MEMORY"),
        ("scancel", "CANCELLED"),
        ("warning", "FAILED"),
        ("gentle scancel", "FAILED"),
    ],
)
def test_a_killed_job_is_submitted_again(run: Run, how: str, state: str) -> None:
    first, last = (starts(run, run.deaths[how].sampler)[i]["job"] for i in (0, -1))
    assert first != last
    assert re.fullmatch(state, run.observer.states[first][-1])
    assert run.observer.states[last][-1] == "COMPLETED"


@pytest.mark.parametrize("how", ["node down", "requeue"])
def test_a_job_that_loses_its_place_goes_back_to_the_queue(run: Run, how: str) -> None:
    first, *_, last = starts(run, run.deaths[how].sampler)
    states = run.observer.states[first["job"]]
    assert first["job"] == run.deaths[how].job
    assert states.count("RUNNING") >= 2, "under its own number"
    # SLURM 22.05 may refuse a requeued job its GPU ("Invalid generic resource"); then it is submitted again
    assert last["job"] == first["job"] or states[-1] == "FAILED"
    assert run.observer.states[last["job"]][-1] == "COMPLETED"


@pytest.mark.parametrize("how", ["time limit", "node down", "scancel", "requeue", "warning", "gentle scancel"])
def test_no_finished_item_is_lost_or_made_twice(run: Run, how: str) -> None:
    death = run.deaths[how]
    assert death.kept, "the death came after the first item"
    made = {name: times for name, times in run.observer.parts.items() if name.startswith(f"{death.sampler}/")}
    assert made and all(len(times) == 1 for times in made.values()), made


def test_a_job_with_two_gpus_has_a_process_on_each(run: Run) -> None:
    said = (run.folder / "logs/sample/openmoji-smileys-32/sr4/tiny/dps.log").read_text() + run.deaths["time limit"].said
    assert {int(n) for n in re.findall(r"computes on GPU \S+gpu1-(\d)", said)} == {0, 1}


# What `scancel` without a signal ends has no time for it: it reaches the job's srun too, which kills at once.
@pytest.mark.parametrize("how", ["warning", "gentle scancel"])
def test_a_job_that_is_asked_to_end_finishes_the_item_in_hand_first(run: Run, how: str) -> None:
    death = run.deaths[how]
    assert re.search(r"asked to stop: .*\nstopped on request after (\d+) of 4 items", death.said), death.said
    (done,) = re.findall(r"after (\d+) of", death.said)
    assert int(done) > len(death.kept)


def test_more_is_asked_for_after_a_death(run: Run) -> None:
    assert re.search(r"mem_mb=600\b", run.output) and re.search(r"mem_mb=1200\b", run.output)


def test_the_logs_of_dead_jobs_are_where_the_profile_says(run: Run) -> None:
    for how in ("time limit", "memory", "scancel"):
        job = starts(run, run.deaths[how].sampler)[0]["job"]
        (log,) = (run.folder / "logs" / "slurm").rglob(f"{job}.log")
        assert log.stat().st_size > 0


def test_the_artifacts_equal_those_of_a_run_without_a_cluster(run: Run) -> None:
    def all_of(folder: Path) -> dict[str, Path]:
        return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*.parquet") if "/." not in str(p)}

    ours, theirs = all_of(run.folder / "results"), all_of(run.local / "results")
    assert ours.keys() == theirs.keys() and len(ours) > 10
    for name, path in ours.items():
        kind = store.provenance(path)["kind"]
        one, other = (store.read(p, kind) for p in (path, theirs[name]))
        measured = [c for c in ("seconds", "peak_bytes") if c in one.column_names]
        if kind == "tables":  # the rows about cost are measured times
            continue
        assert one.drop_columns(measured).equals(other.drop_columns(measured)), name


def test_then_there_is_nothing_to_do(run: Run) -> None:
    output = snakemake(run.folder, "-n")
    assert "Nothing to be done" in output
