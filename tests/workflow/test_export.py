"""An experiment that is run, packed, and drawn again on a clone that has no assets, no data set and no prior."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from posterity.artifacts import images, store
from posterity.cli import app
from posterity.commands.dry_run import dry_run

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "Snakefile"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
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
    "figures": ["exact_distance", "fig07_guidance_gallery"],
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
    place = folder / "data" / "datasets" / D
    x = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    row = {"dataset": D, "group": "g", "attributes": ["red"]}
    rows = [row | {"item": f"i{k}", "name": f"item {k}", "split": "prior" if k % 2 else "test",
                   "image": images.encode(x[k])} for k in range(6)]  # fmt: skip
    store.write(place / "items.parquet", "items", rows, {})
    mask = {"dataset": D, "region": "whole", "mask": images.encode(torch.ones(1, 16, 16))}
    store.write(place / "regions.parquet", "regions", [mask], {})
    (place / "LICENSE.txt").write_text("CC BY-SA 4.0")
    (place / "sheet.png").write_bytes(b"")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The experiment, every job by the command that Snakemake would run, in this process."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "experiments" / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (folder / "config" / "config.yaml").write_text("experiments: [tiny]")
    prepared(folder)
    with contextlib.chdir(folder):
        todo = dry_run(["tiny"], [], SNAKEFILE).running
    order = ["degrade", "posterior", "sample", "measure", "gather", "table", "figure"]
    assert {job.stage for job in todo} == set(order)
    for job in sorted(todo, key=lambda job: (order.index(job.stage), job.name)):
        if job.stage == "gather":
            subprocess.run([SNAKEMAKE, "-s", SNAKEFILE, *job.outputs, "-c1", "--quiet", "all"], cwd=folder, check=True)
            continue
        command = re.sub(r" > \S+ 2>&1$", "", job.command)
        done = posterity(folder, *[word for word in shlex.split(command) if word != "exec"][1:])
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def archive(run):
    done = posterity(run, "export", "tiny", "--output", "tiny.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("tiny.zip: 4 tables and figures")
    return run / "tiny.zip"


def test_figures_drawn_from_the_archive_alone_are_identical(archive, run, tmp_path):
    shutil.copy(archive, tmp_path)
    done = posterity(tmp_path, "redraw", "tiny.zip", "--output", "redrawn")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "4 tables and figures in redrawn, 4 the same as in the archive"
    assert not (tmp_path / "data").exists()
    drawn = sorted(p.relative_to(tmp_path / "redrawn") for p in (tmp_path / "redrawn").rglob("*.*"))
    assert [p.name for p in drawn if p.suffix == ".svg"] == ["exact_distance.svg", "fig07_guidance_gallery.svg"]
    for path in drawn:
        if path.suffix != ".parquet":  # a table's Parquet says where its inputs were
            assert (tmp_path / "redrawn" / path).read_bytes() == (run / path).read_bytes(), path


def test_the_archive_says_what_made_it_and_has_the_configuration_and_the_licences(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        manifest = json.loads(opened.read("provenance.json"))
        opened.extractall(tmp_path)
    assert f"data/datasets/{D}/LICENSE.txt" in names and "README.txt" in names
    assert not [n for n in names if "assets" in n]
    assert yaml.safe_load((tmp_path / "config" / "config.yaml").read_text()) == {"experiments": ["tiny"]}
    assert manifest["revision"] and manifest["versions"]["torch"]
    (figure,) = (p for p in manifest["products"] if p["output"].endswith("exact_distance.svg"))
    assert figure["settings"] == {"experiment": "tiny", "figure": "exact_distance"} and len(figure["code"]) == 16
    assert f"results/samples/{D}/sr4/kernel/ddnm.parquet" in figure["inputs"]
    # the configuration is one: with it the same jobs are planned
    with contextlib.chdir(tmp_path):
        assert {j.stage for j in dry_run(["tiny"], [], SNAKEFILE).jobs} >= {"sample", "figure"}


def test_the_same_content_packs_to_the_same_bytes(archive, run):
    done = posterity(run, "export", "tiny", "--output", "again/tiny.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 0
    assert (run / "again" / "tiny.zip").read_bytes() == archive.read_bytes()


def test_a_figure_that_comes_out_otherwise_is_named(archive, tmp_path):
    """A packed figure that other code drew."""
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files["provenance.json"])
    name = "results/figures/tiny/exact_distance.svg"
    files[name] = files[name].replace(b"</svg>", b"<g/></svg>")
    manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
    files["provenance.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for entry, content in files.items():
            other.writestr(entry, content)
    done = posterity(tmp_path, "redraw", "other.zip", "--output", "redrawn")
    assert done.stdout.splitlines()[-2:] == [
        f"not the same as in the archive: redrawn/{name}",
        "4 tables and figures in redrawn, 3 the same as in the archive",
    ]


@pytest.mark.parametrize("damage", ["missing", "no archive", "flipped"])
def test_a_damaged_archive_is_refused(archive, tmp_path, damage):
    place = tmp_path / "x.zip"
    if damage == "no archive":
        place.write_text("nothing")
    elif damage == "flipped":
        content = bytearray(archive.read_bytes())
        content[content.index(b"PAR1") + 40] ^= 1
        place.write_bytes(content)
    done = posterity(tmp_path, "redraw", "x.zip", "--output", "redrawn")
    assert done.exit_code == 2 and done.output.startswith("x.zip ") and len(done.output.splitlines()) == 1
    assert not (tmp_path / "redrawn").exists()


def test_what_is_not_run_is_not_packed(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, copy_function=shutil.copy2)
    (copy / "results" / "figures" / "tiny" / "exact_distance.svg").unlink()
    done = posterity(copy, "export", "tiny", "--output", "x.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 2 and not (copy / "x.zip").exists()
    assert done.output.startswith("1 jobs of experiment tiny are not done or out of date")
    done = posterity(copy, "export", "tiney", "--snakefile", SNAKEFILE)
    assert done.exit_code == 2 and "tiney" in done.output
