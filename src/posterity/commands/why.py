"""``posterity why``: what a file was made from, how to make it again, and why it would be remade."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.artifacts.identity import identity
from posterity.artifacts.origin import recorded
from posterity.commands.check import versions_told
from posterity.commands.dry_run import Dry, JobHere, dry_run, leaves
from posterity.commands.plan import Configs, Workflow, modules_changed
from posterity.errors import PosterityError

__all__ = ["why"]


def why(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An artifact, a figure, or any other file that the workflow makes.")
    ],
    configfile: Configs = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Report what a file was made from, how to make it again, and why the workflow would remake it.

    Example: posterity why results/tables/diversity/cost.parquet
    """
    about = recorded(file)
    job, found, problem = None, None, ""
    try:
        found = dry_run([str(file)], configfile or [], snakefile)
        job = next(job for job in found.jobs if str(file) in job.outputs)
    except PosterityError as error:
        if not about:
            raise
        problem = str(error)
    inputs = found.made_from(job) if job and found else []
    lines = [str(file), *_made_from(file, about, job, inputs), *_again(about, job, configfile or [])]
    lines += _rerun(job, found) if job and found else [f"whether it would be made again is unknown: {problem}"]
    for line in lines:
        typer.echo(line)


def _made_from(
    file: Path, about: Mapping[str, Any], job: JobHere | None, inputs: Sequence[str]
) -> Iterator[str]:  # fmt: skip
    from posterity.configuration.current import shown

    if not file.exists():
        yield "  does not exist"
        return
    settings = about.get("origin", {}).get("settings") or (job.before if job else {})
    told = "" if about or file.suffix != ".parquet" else " (as recorded by Snakemake: the file itself cannot be read)"
    yield f"made from{told}"
    yield from (f"  {name}: {shown(value)}" for name, value in leaves(settings))
    code = about.get("code") or (job.code[0] if job else "")
    if code:
        yield f"  code: {code}" + (f" at revision {about['revision'][:12]}" if about.get("revision") else "")
    if about.get("versions"):
        yield "  with: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items() if v != "absent")
    hashes = about.get("inputs") or {}
    for path in [*hashes, *(p for p in inputs if p not in hashes)]:
        yield f"  input: {path}{_state(Path(path), hashes.get(path), file)}"


def _state(path: Path, digest: str | None, made: Path) -> str:
    """Return whether an input has changed or gone since the file was made, as a suffix; "" if it is the same."""
    if not path.exists():
        return " (does not exist now)"
    if digest:
        return "" if identity(path) == digest else " (content has changed)"
    return " (newer)" if path.stat().st_mtime > made.stat().st_mtime else ""


def _again(about: Mapping[str, Any], job: JobHere | None, configs: Sequence[Path]) -> Iterator[str]:
    command = (about.get("command") or (job.command if job else "")).removeprefix("exec ")
    if command:
        yield "make it again"
        yield f"  {command}"
    if job:
        given = f" --configfile {' '.join(map(str, configs))}" if configs else ""
        yield f"  or, with everything that it needs: snakemake {job.outputs[0]}{given}"


def _rerun(job: JobHere, found: Dry) -> Iterator[str]:
    from posterity.configuration.current import differences

    if not job.runs:
        yield from versions_told([found.since[job.outputs[0]]] if job.outputs[0] in found.since else [])
        yield "up to date: snakemake would not make it again"
        return
    yield "snakemake would make it again, because"
    if job.missing:
        yield f"  {', '.join(job.missing)} does not exist"
    if job.before:
        for name, before, now in differences(job.before, job.now):
            yield f"  setting {name}: {json.dumps(before)} → {json.dumps(now)}"
    if job.code[0] and job.code[0] != job.code[1]:
        modules = ", ".join(modules_changed(job))
        yield f"  the library's code has changed: {modules or f'{job.code[0]} → {job.code[1]}'}"
    for path in job.updated:
        yield f"  input {path} has changed"
    for name, then, now in job.versions:
        yield f"  package {name}: {then} → {now}"
    for path, reason in _waits(job, found).items():
        yield f"  input {path} is made again: {reason}"
    if job.cause == "other":
        yield f"  {job.other}"


def _waits(job: JobHere, found: Dry) -> dict[str, str]:
    """Return {path: reason} of inputs that are remade first, each for a reason of its own."""
    made_by = {path: one for one in found.jobs for path in one.outputs}
    out: dict[str, str] = {}
    todo, seen = list(job.waits), set[str]()
    while todo:
        path = todo.pop(0)
        if path in seen or path not in made_by:
            continue
        seen.add(path)
        one = made_by[path]
        if one.cause in ("inputs", "other") and one.waits:
            todo += one.waits
        else:
            out[path] = _reason(one)
    return out


def _reason(job: JobHere) -> str:
    """Return in a few words why a job runs."""
    from posterity.configuration.current import differences, shown

    if job.cause == "settings":
        name, before, now = next(differences(job.before, job.now))
        return f"setting {name}: {shown(before)} → {shown(now)}"
    words = {"new": "it does not exist", "code": "the library's code has changed", "inputs": "its inputs changed",
             "versions": "packages have changed"}  # fmt: skip
    return words.get(job.cause, job.other)
