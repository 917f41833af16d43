"""Restores one file of a person's own: a picture, with what it hides or a task."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.errors import PosterityError

__all__ = ["restore"]

_OUTPUT = Path("restored")


def restore(
    ctx: typer.Context,
    picture: Annotated[Path, typer.Argument(help="A picture of any size and format.")],
    prior: Annotated[
        str,
        typer.Option(help="A network: of config/priors, a file or folder, owner/name on the hub; or kernel."),
    ],
    mask: Annotated[Path | None, typer.Option(metavar="FILE", help="White is hidden and restored.")] = None,
    task: Annotated[str | None, typer.Option(help="In place of a mask: a task of the configuration, as sr4.")] = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="The picture is what the task measured; else it is degraded first.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Pictures that a kernel, gaussian or mixture prior is made of."),
    ] = None,
    size: Annotated[int, typer.Option(min=8, max=1024, help="Pixels a side of these.")] = 64,
    sampler: Annotated[str, typer.Option(help="A sampler of the configuration, or a Python file.")] = "ddnm",
    number: Annotated[int, typer.Option("--n", min=1, help="Answers that are shown.")] = 5,
    pool: Annotated[int, typer.Option(min=1, help="Samples that they are chosen from.")] = 40,
    subset: Annotated[str, typer.Option(help="Rule that chooses them.")] = "fps",
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of diversity guidance.")] = None,
    coupled: Annotated[bool, typer.Option("--coupled", help="Let the samples draw opposed noise.")] = False,
    sigma_y: Annotated[float, typer.Option(min=0, max=2, help="Noise of a masked picture, black to white is 2.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of all draws.")] = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Appears whole or not at all. [default: restored/NAME]")
    ] = None,
) -> None:
    """Draw plausible restorations of a picture and write them with a page that shows them.

    Example: posterity restore face.png --mask mask.png --prior openmoji64 --n 5 --pool 40
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = output or _OUTPUT / picture.stem
    _check(picture, mask, task, measured, sampler, number, pool, subset)
    from posterity.front import measuring, priors, restoring, saving

    saving.refuse(folder)
    known = priors.prior(prior, images, size=size)
    given: Any = picture
    if task is not None and not measured:
        given = measuring.degrade(picture, task, prior=known, seed=seed)
    drawn = restoring.restore(
        given, mask, task if measured else None, prior=known, sampler=sampler, samples=pool, guidance=guidance,
        coupled=coupled, seed=seed, sigma_y=sigma_y,
    )  # fmt: skip
    few = drawn.subset(subset, number) if number < pool else drawn
    typer.echo(str(saving.save(few, drawn, folder, _command(ctx))))


def _check(
    picture: Path, mask: Path | None, task: str | None, measured: bool, sampler: str, number: int, pool: int,
    subset: str,
) -> None:  # fmt: skip
    """Raise PosterityError for what can be told without torch, which takes seconds to import."""
    from posterity.configuration.shapes import schema
    from posterity.front.home import home

    for path in (picture, mask):
        if path is not None and not path.is_file():
            raise PosterityError(f"{path} is no file")
    if (mask is None) == (task is None):
        raise PosterityError("give --mask FILE, or --task NAME; one of them says what is to be restored")
    if measured and task is None:
        raise PosterityError("--measured goes with --task: it says that the picture is what the task measured")
    if number > pool:
        raise PosterityError(f"--n {number} is more than --pool {pool}; draw as many samples as are shown at least")
    if subset not in (rules := schema("subsets")):
        raise PosterityError(f"--subset {subset!r} does not exist; choose one of {', '.join(rules)}")
    if task is not None:
        home().task(task)
    if not sampler.endswith(".py"):
        home().sampler(sampler)


def _command(ctx: typer.Context) -> str:
    """Return the words that do it again."""
    words = ["posterity", "restore"]
    for option in ctx.command.params:
        value = ctx.params.get(str(option.name))
        if option.param_type_name == "argument":
            words.append(str(value))
        elif value is True:
            words.append(option.opts[0])
        elif value not in (None, False) and value != option.default:
            words += [option.opts[0], str(value)]
    return shlex.join(words)
