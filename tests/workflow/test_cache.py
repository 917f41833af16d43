"""Snakemake's cache between workflows: what was trained in one folder is there in the next one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
# writes something else at every call, so that equal files were made once
STAND_IN = f"""#!{sys.executable}
import os, sys
from pathlib import Path
output = Path(sys.argv[sys.argv.index("--output") + 1])
for name in ("weights.safetensors", "card.json", "samples.png", "nearest.png", "log.csv"):
    output.with_name(name).write_bytes(os.urandom(8))
"""
WEIGHTS = "data/priors/openmoji32/weights.safetensors"


def made(folder: Path, **settings: int) -> bytes:
    """The weights that a workflow in a new folder has, with a cache that is shared by all of them."""
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "resources").symlink_to(ROOT / "resources")
    trained = folder / "config/priors/openmoji32.yaml"
    content = yaml.safe_load(trained.read_text())
    del content["openmoji32"]["weights"]
    content["openmoji32"]["train"]["settings"] |= settings
    trained.write_text(yaml.safe_dump(content))
    for name in content["openmoji32"]["train"]["datasets"]:
        for beside in ("items.parquet", "regions.parquet", "LICENSE.txt", "sheet.png"):
            (folder / "data/datasets" / name).mkdir(parents=True, exist_ok=True)
            (folder / "data/datasets" / name / beside).write_text("the same in every folder")
    (folder / "bin").mkdir()
    (folder / "bin/posterity").write_text(STAND_IN)
    (folder / "bin/posterity").chmod(0o755)
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment["SNAKEMAKE_OUTPUT_CACHE"] = str(folder.parent / "cache")
    Path(environment["SNAKEMAKE_OUTPUT_CACHE"]).mkdir(exist_ok=True)
    command = [SNAKEMAKE, "-s", ROOT / "Snakefile", "--cores", "1", "--cache", "fetch", "convert_prior", "train_prior",
               "--allowed-rules", "train_prior", "--", WEIGHTS]  # fmt: skip
    done = subprocess.run(
        [str(w) for w in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / WEIGHTS).with_name("card.json").exists()
    return (folder / WEIGHTS).read_bytes()


@pytest.mark.slow
def test_the_same_training_is_done_once_and_another_anew(tmp_path: Path) -> None:
    first = made(tmp_path / "a")
    assert made(tmp_path / "b") == first
    assert made(tmp_path / "c", steps=9) != first
