"""Commands about the whole: ``doctor`` checks the machine, ``schema`` prints the schemas of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["doctor", "schema"]


def doctor() -> None:
    """Report what this machine has: versions, device, cores, disk, fetched assets.

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
    write: Annotated[bool, typer.Option("--write", help="Write the schema files instead of printing.")] = False,
) -> None:
    """Print the settings of samplers, operators, metrics, … as JSON schemas generated from the code."""
    from posterity.configuration import generated

    for name, text in generated.schemas().items():
        if write:
            path = generated.FOLDER / f"{name}.json"
            path.write_text(text, encoding="utf-8")
            typer.echo(str(path))
        else:
            typer.echo(text)
