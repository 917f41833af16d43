"""A sampling job on random images for tests of its processes, with a closed-form prior so that it starts quickly."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from posterity.artifacts import images, store
from posterity.stages import degrade

__all__ = ["INPUTS", "command", "inputs", "parts", "settings", "until"]

INPUTS = ("items", "regions", "measurements")
TASK = {"name": "half", "operator": "sr", "factor": 2, "sigma_y": 0.0}


def settings(steps: int, samples: int = 1) -> dict[str, Any]:
    """Settings of a job whose items take longer with more steps."""
    return {
        "dataset": "d",
        "task": "half",
        "prior": {"name": "kernel", "kind": "kernel", "bandwidth": 0.1},
        "sampler": {"name": "ddnm", "method": "ddnm", "settings": {"steps": steps}, "wrap": []},
        "samples": samples,
        "seed": 0,
    }


def inputs(folder: Path, items: Sequence[str], size: int) -> Path:
    """Random images of size x size and their measurements, as the files ``INPUTS`` of the folder."""
    x = torch.rand(len(items), 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = [
        {"dataset": "d", "item": item, "split": "test", "signal": images.encode(one)}
        for item, one in zip(items, x, strict=True)
    ]
    store.write(folder / "items.parquet", "items", rows, {})
    store.write(folder / "regions.parquet", "regions", [], {})
    given = {n: folder / f"{n}.parquet" for n in ("items", "regions")}
    how = {"dataset": "d", "task": TASK, "items": len(items), "seed": 0}
    degrade.run(how, **given, output=folder / "measurements.parquet")
    return folder


def command(folder: Path, name: str, asked: dict[str, Any], *more: str) -> list[str]:
    """The command that draws the samples, one item at a time."""
    given = [w for n in INPUTS for w in (f"--{n}", str(folder / f"{n}.parquet"))]
    words = ["--settings", json.dumps(asked), "--batch", "1", *more, "--output", str(folder / f"{name}.parquet")]
    return [sys.executable, "-m", "posterity", "sample", *given, *words]


def parts(folder: Path, name: str) -> dict[str, int]:
    """{item: time at which it was made} of the parts so far."""
    return {p.stem: p.stat().st_mtime_ns for p in folder.glob(f".{name}.parts/*/[!.]*.parquet")}


def until(so: Callable[[], bool], seconds: float = 180) -> None:
    """Waits for it."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)
