"""The generated workflows that planning is measured on have the size that they say, and finish without a run."""

import contextlib
import json
import sys
from pathlib import Path

import pytest
import yaml

from posterity.configuration import resolve

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import makespan, workflow  # noqa: E402 - ``benchmarks`` lies beside ``src``, in no installed package


@pytest.mark.parametrize("size", [20, 100, 1000])
def test_a_generated_workflow_has_about_as_many_jobs_as_it_says(tmp_path, size):
    made = workflow._generated(size)
    (tmp_path / "experiments").mkdir()
    runs = {"title": "t", "metrics": ["psnr"], "runs": made.pop("runs")}
    (tmp_path / "experiments" / "scale.yaml").write_text(yaml.safe_dump(runs))
    for part in ("autoencoders", "datasets", "priors", "severities"):
        (tmp_path / part).symlink_to(ROOT / "config" / part)
    made["tasks"] |= yaml.safe_load((ROOT / "config/tasks/tasks.yaml").read_text())
    made["samplers"]["ddnm"] |= {"method": "ddnm"}
    plan = resolve({"experiments": ["scale"], "on_request": [], **made}, tmp_path, ROOT / "resources/assets.yaml")
    counted = [job for job in plan if job.stage in ("degrade", "posterior", "sample", "measure")]
    assert abs(len(counted) - size) <= 0.1 * size + 4


def test_finished_results_need_no_run(tmp_path):
    """Nothing is planned on the generated records and times, and a changed setting plans its jobs."""
    from posterity.commands.dry_run import dry_run

    (tmp_path / "config" / "experiments").mkdir(parents=True)
    for path in (ROOT / "config").iterdir():
        if path.is_dir() and path.name != "experiments":
            (tmp_path / "config" / path.name).symlink_to(path)
    run = {"dataset": workflow.DATASET, "tasks": ["sr4"], "prior": "kernel", "samplers": ["ddnm"]}
    (tmp_path / "config/experiments/one.yaml").write_text(yaml.safe_dump({"title": "t", "runs": [run]}))
    (tmp_path / "config/config.yaml").write_text("experiments: [one]")
    assert workflow.finish(tmp_path) == 6
    with contextlib.chdir(tmp_path):
        assert dry_run([], [], workflow.SNAKEFILE).running == []
        (tmp_path / "config/config.yaml").write_text("experiments: [one]\nseed: 1")
        assert {j.stage for j in dry_run([], [], workflow.SNAKEFILE).running} >= {"degrade", "sample", "report"}


def test_stages_are_measured_from_degrade_to_the_report(tmp_path):
    stages = ["degrade", "posterior", "sample", "select", "measure", "gather", "table", "figure", "report"]
    assert list(dict.fromkeys(job.stage for job in workflow._tiny(tmp_path, 16))) == stages


@pytest.mark.parametrize(
    ("method", "settings", "expected"),
    [
        ("dps", {"steps": 30}, 30 * (1 + makespan.GRADIENT)),
        ("ddrm", {"steps": 20}, 20),
        ("repaint", {"steps": 50, "jump_length": 10, "jump_repeat": 3}, None),
    ],
)
def test_the_work_of_a_run_is_what_its_sampler_asks_of_the_network(method, settings, expected):
    """The work of a run is counted by running its sampler on a tiny problem."""
    found = makespan.passes(method, json.dumps(settings), noisy=False)
    assert found == pytest.approx(expected) if expected else found > settings["steps"]


def test_makespan_has_its_bounds_and_shorter_jobs_cost_their_starts():
    """No cluster ends before the work over its GPUs or the longest job, and one GPU does all of it in any order."""
    runs = [makespan.Run(50, 40.0), makespan.Run(10, 900.0), makespan.Run(3, 10.0)]
    work = sum(items * seconds for items, seconds in runs)
    for hours, counts in ((None, 3), (0.5, 2 + 5 + 1), (0.01, 50 + 10 + 1)):
        jobs = makespan.jobs(runs, makespan.Cut("", hours=hours))
        lengths = [job.seconds for job in jobs]
        assert len(jobs) == counts
        assert sum(lengths) == pytest.approx(work + counts * makespan.START)
        assert makespan.simulate(jobs, 1) == pytest.approx(sum(lengths))
        ends = [makespan.simulate(jobs, gpus) for gpus in (1, 2, 4, 100)]
        assert ends == sorted(ends, reverse=True)
        assert all(e >= max(max(lengths), sum(lengths) / g) - 1e-9 for e, g in zip(ends, (1, 2, 4, 100), strict=True))
        assert ends[-1] == pytest.approx(max(lengths))


def test_a_long_run_on_several_gpus_is_shorter_and_waits_for_all_of_them():
    hour = 3600.0
    long, short = makespan.Run(50, hour), makespan.Run(4, hour)
    jobs = makespan.jobs([short, long], makespan.Cut("", gpus=4))
    assert [job.gpus for job in jobs] == [1, 4], "a run of 4 hours has one"
    assert jobs[1].seconds == pytest.approx(makespan.START + 13 * hour)
    assert makespan.simulate(jobs, 4) == pytest.approx(jobs[0].seconds + jobs[1].seconds)
    assert makespan.simulate(jobs, 5) == pytest.approx(jobs[1].seconds)
    assert makespan.simulate(jobs, 1) == pytest.approx(jobs[0].seconds + 4 * jobs[1].seconds)
