"""``posterity check``: is the configuration valid, and are the files on disk up to date and undamaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterity import json_reader
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.configuration import Job
    from posterity.configuration.current import Difference

__all__ = ["check", "versions_told"]

_COUNTED = (
    "prepare", "degrade", "posterior", "severity", "sample", "select", "measure", "classify", "distance", "study",
    "table",
)  # fmt: skip
"""Stages whose absent output counts as missing."""


def check(
    configs: Annotated[
        list[Path] | None, typer.Argument(help="Files merged in order. [default: config/config.yaml]")
    ] = None,
    delete_damaged: Annotated[
        bool, typer.Option("--delete-damaged", help="Delete damaged files, so that the next run makes them again.")
    ] = False,
) -> None:
    """Report every mistake in a configuration, then every file on disk that is out of date or damaged.

    Example: posterity check config/config.yaml config/ci.yaml
    """
    from posterity.artifacts.origin import again
    from posterity.configuration import load, resolve
    from posterity.configuration.current import difference, output
    from posterity.configuration.problems import ConfigurationError

    files = configs or [Path("config/config.yaml")]
    try:
        plan = resolve(load(files), files[0].parent)
    except ConfigurationError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        typer.echo(f"{len(error.lines)} mistake{'s' * (len(error.lines) != 1)}", err=True)
        raise typer.Exit(1) from None
    counts = dict.fromkeys(("ok", "stale", "damaged", "missing"), 0)
    since: list[Difference] = []
    for job in plan:
        first = output(job, plan)
        broken = dict(_broken(job, first))
        for path, why in broken.items():
            typer.echo(f"damaged: {path}: {why}")
            if delete_damaged:
                path.unlink()
                if job.stage != "fetch":  # it is fetched again when a job needs it
                    again(first).touch()
        counts["damaged"] += len(broken)
        counts["ok"] += sum(path not in broken for path in _beside(job, first))
        if first in broken:
            continue
        if not first.exists():
            counts["missing"] += job.stage in _COUNTED
            continue
        since.append(difference(job, plan))
        counts["stale" if since[-1].stale else "ok"] += 1
        if since[-1].stale:
            typer.echo(f"stale: {first}: {'; '.join(since[-1].reasons())}")
    beside = f", with those of {len(plan.on_request)} experiments on request" if plan.on_request else ""
    typer.echo(f"configuration: valid, {sum(1 for _ in plan)} jobs{beside}")
    typer.echo("artifacts: " + ", ".join(f"{n} {state}" for state, n in counts.items()))
    for line in versions_told(since):
        typer.echo(line)


def versions_told(since: Iterable[Difference]) -> Iterator[str]:
    """Return one line per package whose version has changed since files were made, where that reruns nothing."""
    counts = Counter(change for one in since if not one.versions_followed for change in one.versions)
    for (name, then, now), count in sorted(counts.items()):
        files = f"{count} file{'s were' if count > 1 else ' was'}"
        yield f"{files} made with {name} {then}, here is {now}; kept, since follow_versions is false"


def _beside(job: Job, first: Path) -> Iterator[Path]:
    """Return the sealed files that the job's stage writes beside its first output and that exist."""
    from posterity.configuration.current import BESIDE

    yield from (p for name in BESIDE.get(job.stage, ()) if (p := first.with_name(name)).exists())


def _broken(job: Job, first: Path) -> Iterator[tuple[Path, str]]:
    """Return (file, what is wrong with it) for each damaged file that a job has made."""
    for path in (*(p for p in [first] if p.is_file()), *_beside(job, first)):
        try:
            _verify(job, path)
        except PosterityError as error:
            yield path, str(error).removeprefix(f"{path} is ")


def _verify(job: Job, path: Path) -> None:
    """Raise PosterityError if a file is damaged; pictures and pages carry no checksum and always pass."""
    from posterity.artifacts import store
    from posterity.artifacts.digest import sha256
    from posterity.artifacts.origin import CARD
    from posterity.assets import checksum

    if path.suffix == ".parquet":
        store.verify(path)
    elif job.stage == "fetch":
        asset = job.settings["asset"]
        checksum.verify(path, declared="" if asset["convert"] else asset["sha256"])
    elif job.stage.startswith(("train", "convert")):
        card = json_reader.read(path.with_name(CARD))
        weights = card.get("weights") if isinstance(card, dict) else None
        if isinstance(weights, dict) and weights.get("sha256") != sha256(path):
            raise PosterityError(f"{path} is damaged (its SHA-256 differs from the one in its card)")
