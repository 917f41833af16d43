"""Commands about the whole: is the configuration right, is what is on disk made by it, is the machine ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.configuration import Job, Plan

__all__ = ["check", "doctor", "schema"]

_TELLING = ("prepare", "degrade", "posterior", "sample", "select", "measure", "distance", "study", "table")
"""Stages whose artifacts say what they were made with."""

_BESIDE = {"prepare": ("regions.parquet",), "study": ("simulated.parquet",)}


def check(
    configs: Annotated[
        list[Path] | None, typer.Argument(help="Files merged in order. [default: config/config.yaml]")
    ] = None,
    delete_damaged: Annotated[
        bool, typer.Option("--delete-damaged", help="Delete what is damaged, so that the next run makes it again.")
    ] = False,
) -> None:
    """Tell every mistake in a configuration, then what on disk was made with other settings or code, or is damaged.

    Example: posterity check config/config.yaml config/ci.yaml
    """
    from posterity.configuration import load, resolve
    from posterity.configuration.problems import ConfigurationError

    files = configs or [Path("config/config.yaml")]
    try:
        plan = resolve(load(files), files[0].parent)
    except ConfigurationError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        typer.echo(f"{len(error.lines)} mistake{'s' * (len(error.lines) != 1)}", err=True)
        raise typer.Exit(1) from None
    counts = {"ok": 0, "stale": 0, "damaged": 0, "missing": 0}
    for path, state, why in _states(plan):
        counts[state] += 1
        if state in ("stale", "damaged"):
            typer.echo(f"{state}: {path}: {why}")
        if state == "damaged" and delete_damaged:
            path.unlink()
    typer.echo(f"configuration: valid, {sum(1 for _ in plan)} jobs")
    typer.echo("artifacts: " + ", ".join(f"{n} {state}" for state, n in counts.items()))


def _path(job: Job, plan: Plan) -> Path:
    from posterity.configuration.paths import fields, pattern

    named = dict(zip(fields(job.stage), job.key, strict=True))
    return Path(pattern(job.stage, plan.data, plan.results).format(**named))


def _states(plan: Plan) -> Iterator[tuple[Path, str, str]]:
    """(path, its state, why) of every artifact that says what it was made with, and of the assets that are there."""
    from posterity.artifacts import store
    from posterity.assets import checksum

    for job in plan:
        if job.stage in _TELLING:
            path = _path(job, plan)
            yield path, *_state(job, path, plan)
            # what its stage writes beside it and seals too
            for beside in _BESIDE.get(job.stage, ()):
                if (sealed := path.with_name(beside)).exists():
                    yield sealed, *_whole(sealed, store.verify)
        elif job.stage == "fetch":
            asset = job.settings["asset"]
            path = Path(plan.data, "assets", asset["name"], asset["file"])
            if path.exists():
                declared = "" if asset["convert"] else asset["sha256"]
                yield path, *_whole(path, partial(checksum.verify, declared=declared))


def _whole(path: Path, verify: Callable[[Path], None]) -> tuple[str, str]:
    try:
        verify(path)
    except PosterityError as error:
        return "damaged", str(error).removeprefix(f"{path} is ")
    return "ok", ""


def _state(job: Job, path: Path, plan: Plan) -> tuple[str, str]:
    """("ok", "stale", "damaged" or "missing", what differs)."""
    import json

    from posterity.artifacts import store

    if not path.exists():
        return "missing", ""
    state, why = _whole(path, store.verify)
    if state != "ok":
        return state, why
    about = store.provenance(path)
    made = about.get("origin", {}).get("settings")
    if made != json.loads(job.json):
        differ = [k for k in job.settings if not isinstance(made, dict) or made.get(k) != json.loads(job.json)[k]]
        return "stale", f"made with other settings ({', '.join(differ) or 'fewer'})"
    return ("ok", "") if about.get("code") == job.code or not plan.follow_code else ("stale", "made by other code")


def doctor() -> None:
    """Tell what this machine has: versions, device, cores, disk, fetched assets.

    Example: posterity doctor
    """
    import os
    import platform
    import shutil
    from importlib import metadata

    lines = [f"python {platform.python_version()} on {platform.platform(terse=True)}, {os.cpu_count()} cores"]
    for name in ("posterity", "snakemake", "torch", "diffusers", "pyarrow", "lpips", "pyiqa", "scikit-learn", "POT"):
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed: pip install {name}")
    lines.append(f"snakemake command: {shutil.which('snakemake') or 'not on PATH (activate the environment)'}")
    lines.append(f"device: {_device()}")
    lines.append(f"free disk: {shutil.disk_usage('.').free / 1e9:.1f} GB in {Path.cwd()}")
    lines += _assets()
    for line in lines:
        typer.echo(line)


def _device() -> str:
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported ({error})"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"


def _assets() -> list[str]:
    from posterity.assets import DECLARED, load

    if not DECLARED.exists():
        return [f"assets: no {DECLARED} here; run this in the repository"]
    root, lines = Path("data/assets"), []
    for name, asset in load().items():
        if asset.path(root).is_file():
            state = "present"
        elif not asset.by_hand:
            state = f"absent: posterity fetch {name}"
        elif asset.place(root).exists():
            state = f"at hand, in {asset.place(root)}"
        else:
            state = f"absent: {asset.instruction(root)}"
        lines.append(f"asset {name}: {state}")
    return lines


def schema(
    write: Annotated[bool, typer.Option("--write", help="Replace the files instead of printing.")] = False,
) -> None:
    """Settings of all samplers and subset rules as JSON schemas, from the code that reads them."""
    from posterity.configuration import generated

    for name, text in generated.schemas().items():
        if write:
            path = generated.FOLDER / f"{name}.json"
            path.write_text(text, encoding="utf-8")
            typer.echo(str(path))
        else:
            typer.echo(text)
