"""Starts an experiment on a folder of the user's pictures: writes its dataset and runs as YAML that `check` accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.commands import own_pictures
from posterity.errors import PosterityError

__all__ = ["new"]

new = typer.Typer(help="Start an experiment, or your own sampler, operator, prior, ….", no_args_is_help=True)
_CONFIG = Path("config", "config.yaml")
_SIZE = 64
"""Default pixels per side if the prior does not say."""
_LONGEST = 100
"""Maximum number of letters in a name."""
_READ = 1000
"""Pictures that are read right away; in larger folders the first run reports the rest."""


@new.command()
def experiment(
    name: Annotated[str, typer.Argument(help="Name of the dataset and of the experiment.")],
    folder: Annotated[Path, typer.Option(metavar="PICTURES", help="A folder of pictures, or a zip file of one.")],
    prior: Annotated[str, typer.Option(help="A prior of config/priors.")] = "kernel_unseen",
    size: Annotated[
        int | None,
        typer.Option(min=8, max=1024, help="Pixels per side. [default: that of the prior's network, else 64]"),
    ] = None,
) -> None:
    """Write the dataset and the experiment of a folder of pictures.

    With masks the task is to fill in what they hide, else to restore the pictures from sixteen coarse pixels. The
    default prior knows the pictures that are not restored, and their mirror images.

    Example: posterity new experiment holiday --folder ~/pictures/holiday
    """
    from posterity.front.checked import path as usable

    files, said = _files(name, usable(folder), prior, size)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    try:
        _check(name)
    except PosterityError:
        for path in files:
            path.unlink()
        raise
    for path in files:
        typer.echo(str(path))
    if said:
        typer.echo(f"\n{said}")
    ours = f"{_CONFIG} {list(files)[-1]}"
    typer.echo(
        f"\nEdit them as you like, then\n  posterity check {ours}\n  snakemake --configfile {ours}\n"
        "The report is results/report/index.html, all pictures are in one sheet, "
        f"data/datasets/{name}/sheet.png."
    )


def _files(name: str, folder: Path, prior: str, size: int | None) -> tuple[dict[Path, str], str]:
    """Return {path: text}, and what the prior knows of the pictures, after all checks have passed."""
    from posterity.configuration.loading import gather
    from posterity.configuration.problems import Problems
    from posterity.configuration.shapes import NAME
    from posterity.datasets import folder as own

    if len(name) > _LONGEST:
        raise PosterityError(f"an experiment's name has {_LONGEST} letters at most, {name:.20}… has {len(name)}")
    if not re.fullmatch(NAME, name):
        raise PosterityError(f"an experiment cannot be called {name!r}; take lower-case letters, digits, '_' and '-'")
    if not _CONFIG.is_file():
        raise PosterityError(f"there is no {_CONFIG}; run this in the repository")
    places = [_CONFIG.parent / part / f"{name}.yaml" for part in ("datasets", "experiments")]
    for path in places:
        if path.exists():
            raise PosterityError(f"{path} exists; choose another name or delete it")
    if not folder.exists():
        raise PosterityError(f"--folder {folder} does not exist")
    problems = Problems()
    gathered = gather({}, _CONFIG.parent, problems)
    priors, autoencoders = gathered["priors"], gathered["autoencoders"]
    problems.stop()
    if prior not in priors:
        raise PosterityError(f"prior {prior!r} does not exist; choose one of {', '.join(sorted(priors))}")
    about = priors[prior]
    if about.get("autoencoder") in autoencoders:  # a new mapping, since what files hold is read once and shared
        about = about | {"autoencoder": autoencoders[about["autoencoder"]]}
    found = own.outline(folder, None, None)
    size = size or _side(about) or _SIZE
    if len(found.labels or ()) <= _READ:
        own.prepare(folder, None, size)  # reports an unreadable picture or mask now
    said = own_pictures.known(about, found)
    source = json.dumps(_from_here(folder), ensure_ascii=False)
    texts = own_pictures.dataset(source, size), own_pictures.experiment(name, prior, about, found, size)
    return dict(zip(places, texts, strict=True)), said


def _side(prior: Mapping[str, Any]) -> int | None:
    """Return the image side in pixels that the network's card declares; None without a card."""
    from posterity.configuration.possible import signal_shape

    shape = signal_shape(Path(prior["weights"])) if "weights" in prior else None
    return int(shape[-1]) if shape else None


def _from_here(folder: Path) -> str:
    """Return the path relative to this folder, where the workflow runs, if it lies inside; else the absolute path."""
    whole, here = folder.resolve(), Path.cwd().resolve()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def _check(name: str) -> None:
    """Raise ConfigurationError if the experiment could not run."""
    from posterity.configuration import load, resolve

    resolve(load([_CONFIG, _CONFIG.parent / "experiments" / f"{name}.yaml"]), _CONFIG.parent)
