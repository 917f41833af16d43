"""A small experiment that is actually run, for tests that need results."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import torch
import yaml
from typer.testing import CliRunner

from posterity.artifacts import images, store
from posterity.assets import checksum
from posterity.cli import app
from posterity.commands.dry_run import dry_run
from posterity.configuration import load, resolve

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "Snakefile"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
ORDER = [
    "prepare", "degrade", "posterior", "sample", "select", "measure", "gather", "table", "figure", "explorer", "report",
]  # fmt: skip
STAGES = ("degrade", "posterior", "sample", "measure", "gather", "table", "figure")
"""Those of the experiment "tiny"."""
D = "openmoji-smileys"
TINY = {
    "title": "Tiny",
    "count": 2,
    "runs": [
        {"dataset": D, "tasks": ["sr4"], "prior": "kernel", "samplers": ["ddnm", "ddnm_guided", "exact"],
         "samples": 3, "items": 2},
    ],
    "metrics": ["lr_psnr", "residual_rms", "tv", "sliced_wasserstein"],
    "tables": ["exact_posterior", "cost"],
    "figures": ["exact_distance", "guidance_gallery"],
}  # fmt: skip


def posterity(folder, *words):
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, list(map(str, words)))


def prepared(folder):
    """A data set of six tiny pictures, as the stages `fetch` and `prepare` would have left it."""
    asset = folder / "data" / "assets" / "openmoji" / yaml.safe_load((ROOT / "resources/assets.yaml").read_text())[
        "openmoji"]["file"]  # fmt: skip
    asset.parent.mkdir(parents=True)
    asset.write_bytes(b"not needed any more")
    os.utime(asset, (1e9, 1e9))
    checksum.note(asset)
    place = folder / "data" / "datasets" / D
    x = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    row = {"dataset": D, "group": "g", "attributes": ["red"]}
    rows = [row | {"item": f"i{k}", "name": f"item {k}", "split": "prior" if k % 2 else "test",
                   "signal": images.encode(x[k])} for k in range(6)]  # fmt: skip
    with contextlib.chdir(folder):
        job = resolve(load([Path("config/config.yaml")]), assets=ROOT / "resources/assets.yaml").job("prepare", D)
    store.code.set(job.code)
    origin = {"settings": job.settings}
    store.write(place / "items.parquet", "items", rows, origin)
    mask = {"dataset": D, "region": "whole", "mask": images.encode(torch.ones(1, 16, 16))}
    store.write(place / "regions.parquet", "regions", [mask], origin)
    (place / "LICENSE.txt").write_text("CC BY-SA 4.0")
    (place / "sheet.png").write_bytes(b"")


def experiment(folder):
    """The experiment "tiny" in a folder, every job by the command that Snakemake would run, in this process."""
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "experiments" / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (folder / "config" / "config.yaml").write_text("experiments: [tiny]")
    prepared(folder)
    assert {stage for stage, _ in carried_out(folder)} == set(STAGES)
    return folder


def carried_out(folder, targets=("tiny",), configs=()):
    """Run the jobs that Snakemake would run, and return (stage, name) of each."""
    with contextlib.chdir(folder):
        todo = sorted(dry_run(targets, configs, SNAKEFILE).running, key=lambda job: (ORDER.index(job.stage), job.name))
    given = ["--configfile", *configs] if configs else []
    for job in todo:
        if job.stage == "gather":
            engine = [SNAKEMAKE, "-s", SNAKEFILE, *job.outputs, "-c1", "--quiet", "all", *given]
            subprocess.run(engine, cwd=folder, check=True)
            continue
        command = re.sub(r" > \S+ 2>&1$", "", job.command)
        done = posterity(folder, *[word for word in shlex.split(command) if word != "exec"][1:])
        assert done.exit_code == 0, done.output
    return [(job.stage, job.name) for job in todo]
