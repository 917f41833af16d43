"""Folders to run the shipped workflow in: the shipped configuration, and an experiment with GPU jobs beside it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BIN", "ROOT", "SAMPLERS", "environment", "workspace"]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

# a network of a few thousand weights: what matters here is who may use a GPU, and when
PRIOR = {
    "tiny": {
        "kind": "network",
        "train": {
            "datasets": {"openmoji-smileys-32": 1},
            "split": "all",
            "license": "CC-BY-SA-4.0",
            "settings": {
                "steps": 20, "batch": 8, "channels": [8, 16], "layers": 1, "attention": [], "head": 8, "warm_up": 0,
            },
        },
    }
}  # fmt: skip
SAMPLERS = ("ddnm", "pgdm", "dps", "ddrm", "diffpir", "copaint", "ilvr")
EXPERIMENT = {
    "title": "Seven samplers that want a GPU each, and there are three",
    "count": 2,
    "runs": [
        {
            "dataset": "openmoji-smileys-32", "tasks": ["sr4"], "prior": "tiny", "samplers": list(SAMPLERS),
            "samples": 2,
        }
    ],
    "metrics": ["psnr", "lr_psnr"],
    "tables": ["cost"],
}  # fmt: skip


def workspace(folder: Path, *experiments: str, **changes: Any) -> Path:
    """A folder to run ``snakemake -s ROOT/Snakefile`` in; ``changes`` are laid over config.yaml."""
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "config" / "priors" / "tiny.yaml").write_text(yaml.safe_dump(PRIOR))
    (folder / "config" / "experiments" / "gpus.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    shipped = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config = {"seed": shipped["seed"], "items": 4, "experiments": list(experiments), **changes}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    if (ROOT / "data" / "assets").is_dir():  # else the workflow fetches what it needs
        shutil.copytree(ROOT / "data" / "assets", folder / "data" / "assets")
    return folder


def environment(**more: str) -> dict[str, str]:
    """That of a person who activated this environment."""
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} | more
