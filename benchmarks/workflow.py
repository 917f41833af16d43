"""Measures the workflow's overhead: planning and a run with nothing to do, by number of jobs, and a job's start.

* ``planning``: ``snakemake -n`` from nothing and on finished results, which should stay under 10 s and 6 s
  and under 0.5 GiB for all papers together; the results are empty files with the records of a real run.
* ``stages``: CPU seconds of every stage's command on minimal data, which should stay under 3 s.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import torch
import yaml

__all__ = ["finish", "planning", "stages"]

Row = dict[str, object]

ROOT = Path(__file__).parents[1]
SNAKEFILE = ROOT / "Snakefile"
DATASET = "openmoji-smileys"
PAPERS = ROOT / "config/experiments/all_papers.yaml"


def planning(sizes: Sequence[int], turns: int) -> Iterator[Row]:
    """Yield the minimum over ``turns`` runs for a generated experiment of about each size, then for all papers."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from _planned(Path(folder), f"{size} jobs", _generated(size), turns)
    if PAPERS.exists() and len(sizes) > 1:
        with tempfile.TemporaryDirectory() as folder:
            yield from _planned(Path(folder), "all papers", yaml.safe_load(PAPERS.read_text(encoding="utf-8")), turns)


def _generated(size: int) -> dict[str, Any]:
    """Return an experiment of about ``size`` jobs: tasks times variants of one sampler, each sampled and measured."""
    tasks = max(1, round(size**0.5 / 4))
    variants = max(1, round((size - 2 * tasks) / (2 * tasks)))
    names = [f"ddnm_v{i}" for i in range(variants)]
    return {
        "tasks": {f"denoise_{i}": {"operator": "denoise", "sigma_y": 0.1 + i / 100} for i in range(tasks)},
        "samplers": {"ddnm": {"variants": {name: {"settings": {"steps": 10 + i}} for i, name in enumerate(names)}}},
        "runs": [{"dataset": DATASET, "tasks": [f"denoise_{i}" for i in range(tasks)], "prior": "kernel",
                  "samplers": names}],
    }  # fmt: skip


def _planned(folder: Path, name: str, experiment: dict[str, Any], turns: int) -> Iterator[Row]:
    shutil.copytree(ROOT / "config", folder / "config")
    own = {part: experiment.pop(part, {}) for part in ("tasks", "samplers")}
    path = folder / "config" / "experiments" / "scale.yaml"
    path.write_text(yaml.safe_dump({"title": name, "metrics": ["psnr"], **experiment}), encoding="utf-8")
    config = folder / "config" / "config.yaml"
    config.write_text(yaml.safe_dump({"experiments": ["scale"], "on_request": [], **own}), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "snakemake"), "-s", str(SNAKEFILE), "-n", "--quiet", "all"]
    new = [_used(command, folder) for _ in range(turns)]
    jobs = finish(folder)
    done = [_used(command, folder) for _ in range(turns)]
    for what, used in (("from nothing", new), ("nothing to do", done)):
        seconds, cpu, mib = (min(values) for values in zip(*used, strict=True))
        yield {"workflow": name, "plan": what, "jobs": jobs, "s": seconds, "cpu s": cpu, "MiB": mib}


def finish(folder: Path, configs: Sequence[Path] = ()) -> int:
    """Make every output as an empty file with Snakemake's record of a run; return the number of jobs."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    with chdir(folder), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            ResourceSettings(cores=1), config_settings=ConfigSettings(configfiles=list(configs)), snakefile=SNAKEFILE
        )
        workflow.dag(DAGSettings()).execute_workflow(executor="dryrun")
        inner: Any = workflow._workflow
        jobs = [job for job in inner.dag.jobs if job.output]
        for path in {str(p) for job in jobs for p in (*job.output, *job.input)}:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()
            os.utime(path, (1e9, 1e9))

        async def record() -> None:
            for job in jobs:
                await inner.persistence.finished(job)

        asyncio.run(record())
    return len(jobs)


_LAUNCH = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if done.returncode:
    sys.exit(done.stdout[-1000:])
print(json.dumps([time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
"""Starts a command from a small process, because a child's peak memory includes that of its parent."""


def _used(command: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """Return (seconds, CPU seconds, peak memory in MiB) of a command."""
    # as in a user's environment, where modules are compiled once
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    launch = [sys.executable, "-S", "-c", _LAUNCH, *command]
    done = subprocess.run(launch, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed: {done.stderr[-1000:]}")
    seconds, cpu, mib = json.loads(done.stdout)
    return seconds, cpu, mib


def stages(side: int) -> Iterator[Row]:
    """Yield the cost of every stage of a tiny experiment, each in its own process, as the workflow runs it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        todo = _tiny(folder, side)
        for job in todo:
            if job.stage == "gather":
                listed = "".join(f"{path}\n" for path in job.inputs)
                (folder / job.outputs[0]).parent.mkdir(parents=True)
                (folder / job.outputs[0]).write_text(listed, encoding="utf-8")
                continue
            words = shlex.split(re.sub(r" > \S+ 2>&1$", "", job.command))
            command = [sys.executable, "-m", *(word for word in words if word != "exec")]
            seconds, cpu, mib = _used(command, folder)
            yield {"stage": job.stage, "job": job.name, "s": seconds, "cpu s": cpu, "MiB": mib}


def _tiny(folder: Path, side: int) -> list[Any]:
    """Make a workspace with a data set of six pictures; return one job of every later stage, in order."""
    from posterity.artifacts import images, signals, store
    from posterity.commands.dry_run import dry_run
    from posterity.signals import find

    shutil.copytree(ROOT / "config", folder / "config")
    experiment = {
        "title": "Tiny", "count": 2,
        "runs": [{"dataset": DATASET, "tasks": ["sr4"], "prior": "kernel", "samplers": ["exact", "ddnm"],
                  "samples": 6, "items": 2, "subsets": ["fps"], "features": "patch"}],
        "metrics": ["psnr", "ssim", "lr_psnr", "residual_rms", "tv", "sliced_wasserstein"],
        "tables": ["exact_posterior"], "figures": ["exact_distance"],
    }  # fmt: skip
    (folder / "config/experiments/tiny.yaml").write_text(yaml.safe_dump(experiment), encoding="utf-8")
    (folder / "config/config.yaml").write_text("experiments: [tiny]", encoding="utf-8")
    declared = yaml.safe_load((ROOT / "resources/assets.yaml").read_text(encoding="utf-8"))
    asset = folder / "data/assets/openmoji" / declared["openmoji"]["file"]
    asset.parent.mkdir(parents=True)
    asset.touch()
    os.utime(asset, (1e9, 1e9))
    place = folder / "data/datasets" / DATASET
    row = {"dataset": DATASET, "group": "g", "attributes": ["red"]}
    x = torch.rand(6, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = [row | {"item": f"i{k}", "name": f"{k}", "split": "prior" if k % 2 else "test",
                   "signal": signals.encode(x[k], find("image"))} for k in range(6)]  # fmt: skip
    store.write(place / "items.parquet", "items", rows, {})
    mask = {"dataset": DATASET, "region": "whole", "mask": images.encode(torch.ones(1, side, side))}
    store.write(place / "regions.parquet", "regions", [mask], {})
    for name in ("LICENSE.txt", "sheet.png"):
        (place / name).touch()
    with chdir(folder):
        found = dry_run([], [], SNAKEFILE)
    # prepare is planned, too, since the workflow did not make this data set
    order = ["degrade", "posterior", "sample", "select", "measure", "gather", "table", "figure", "report"]
    later = [job for job in found.running if job.stage in order]
    return sorted(later, key=lambda job: (order.index(job.stage), job.name))
