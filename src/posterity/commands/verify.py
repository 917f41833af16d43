"""``posterity verify`` measures the error of samplers against exact posteriors."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from posterity import json_reader
from posterity.commands.group import Shorthand
from posterity.errors import PosterityError

__all__ = ["Tiers", "verify"]


_VARIANTS = Path("config/samplers")
"""Folder of the samplers' definitions with their variants, relative to the working folder."""


class Tiers(Shorthand):
    """Expands ``--quick`` to ``--tier quick``, and the other tiers likewise."""

    words: ClassVar[dict[str, list[str]]] = {f"--{tier}": ["--tier", tier] for tier in ("quick", "standard", "full")}


def verify(
    samplers: Annotated[
        list[str] | None, typer.Argument(help="Methods (with their default settings) or variants.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All methods that a prior suits.")] = False,
    file: Annotated[
        Path | None, typer.Option("--sampler", metavar="FILE", help="Your own sampler, a Python file.")
    ] = None,
    prior: Annotated[list[str] | None, typer.Option(help="A prior; may be repeated. [default: all]")] = None,
    task: Annotated[list[str] | None, typer.Option(help="A task; may be repeated. [default: all]")] = None,
    dim: Annotated[int | None, typer.Option(min=1, help="Verify on the toy problem of this dimension instead.")] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            help="Effort: quick (default), standard (default with --dim) or full; --full is short for --tier full."
        ),
    ] = None,
    steps: Annotated[
        list[int] | None, typer.Option(min=1, help="Short for --set steps=N; may be repeated, one row each.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be repeated.")
    ] = None,
    wrap: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|JSON", help="A wrapper around the methods: NAME or {NAME: settings}."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of measurements and noise.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Cases in parallel. [default: number of cores]")] = None,
    whole: Annotated[bool, typer.Option("--panel", help="Also print every statistic of every row.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Print the table of a certificates.json again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print certificates.json instead of the table.")] = False,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the results.")] = Path("results/verify"),
    expectations: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of stored expectations.")] = Path(
        "resources/certificates"
    ),
    update_expectations: Annotated[
        bool, typer.Option("--update-expectations", help="Replace the stored expectations by runs of several seeds.")
    ] = False,
) -> None:
    """Measure samplers against exact posteriors.

    Exits with 1 if a sampler is not a posterior sampler, regressed, or diverged unexpectedly.

    Finished cases are kept: after an interruption the same command resumes.

    Example: posterity verify ddrm --prior mixture --task inpaint --quick
    """
    if source is not None:
        if samplers or everyone or file:
            raise PosterityError(f"--from {source} prints stored results; leave out samplers, --all and --sampler")
        _print(source, whole, as_json)
    if not (samplers or everyone or file):
        raise PosterityError("name samplers, or give --all, or a file of your own with --sampler")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from posterity.artifacts import store
    from posterity.certificates.cases import tasks
    from posterity.commands import verdict_table
    from posterity.configuration.fingerprint import fingerprint
    from posterity.stages import verify as stage

    if dim is not None and task:
        raise PosterityError("--dim has its own task; leave out --task")
    tier = tier or ("quick" if dim is None else "standard")
    priors = prior or _priors(tier, dim)
    entries = []
    for number in dict.fromkeys(steps) if steps else (None,):
        chosen = _parse(given or []) | ({} if number is None else {"steps": number})
        entries += _everyone(chosen, priors) if everyone else []
        entries += [_entry(n, chosen) for n in dict.fromkeys(samplers or []) if not everyone]
        entries += [{"file": str(file), "settings": chosen}] if file else []
    if wrap:
        around = [_wrapper(one) for one in wrap]
        if file:
            raise PosterityError("--wrap goes around methods; leave out --sampler, whose file may wrap its own")
        entries = [{**entry, "wrap": around} for entry in entries]
    known = dict.fromkeys(t for p in priors for t in tasks(p))
    settings = {"samplers": entries, "priors": priors, "tasks": task or list(known)}
    settings |= {"dim": dim, "tier": tier, "seed": seed}
    store.code.set(fingerprint("verify", settings))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    places = {"output": output, "expectations": expectations}
    try:
        stage.run(settings, **places, update=update_expectations, jobs=jobs or cores, line=verdict_table.line)
    except KeyboardInterrupt:
        if (output / stage.KEPT).is_file():
            _print(output / stage.KEPT, whole, as_json, leave=False)
        raise
    if not as_json:
        typer.echo(f"All results: {output / 'certificates.parquet'}, with cost_error.svg, junit.xml and badge.svg.")
    _print(output / stage.KEPT, whole, as_json)


def _print(path: Path, whole: bool, as_json: bool, leave: bool = True) -> None:
    """Print the cases of a file as a table or as JSON, and exit with 1 if one of them failed."""
    from posterity.commands import verdict_table
    from posterity.stages import _kept

    kept = _kept.read(path)
    if as_json:
        typer.echo(kept.text(), nl=False)
    else:
        verdict_table.show(kept.certificates, kept.failed, whole)
    if not kept.complete:
        typer.echo(f"{len(kept.cases)} of {kept.total} cases; run the same command again for the others", err=True)
    if leave:
        raise typer.Exit(1 if kept.failed else 0)


def _parse(given: list[str]) -> dict[str, Any]:
    """Return {key: value} of KEY=VALUE; a value that is not valid JSON is text."""
    out: dict[str, Any] = {}
    for one in given:
        key, sign, value = one.partition("=")
        if not (key and sign):
            raise PosterityError(f"--set {one!r} must be KEY=VALUE")
        try:
            out[key] = json_reader.parse(value, key)
        except json_reader.Unreadable:
            out[key] = value
    return out


def _wrapper(given: str) -> dict[str, Any]:
    """Return {name: settings}, given a name or this mapping as JSON; a late start uses the exact posterior's mean."""
    found = json_reader.parse(given, "--wrap") if given.startswith("{") else {given: {}}
    if not isinstance(found, dict) or not all(isinstance(own, dict) for own in found.values()):
        raise PosterityError(f"--wrap {given!r} is neither the name of a wrapper nor {{NAME: {{SETTING: VALUE}}}}")
    begins = {"severity": "exact", "init": "calibrated"}
    return {name: {**(begins if name == "flash" else {}), **own} for name, own in found.items()}


def _entry(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a method, or of a variant that a file of config/samplers defines."""
    from posterity import samplers, yaml_reader

    if name in samplers.names():
        return {"method": name, "settings": chosen}
    for path in sorted(_VARIANTS.glob("*.yaml")):
        definition = yaml_reader.read(path)
        variant = (definition.get("variants") or {}).get(name) if isinstance(definition, dict) else None
        if not isinstance(variant, dict):
            continue
        if "wrap" in variant:
            raise PosterityError(f"{path}: variant {name} has wrappers, which verify does not support; name its method")
        settings = {**(variant.get("settings") or {}), **chosen}
        return {"method": definition["method"], "name": name, "settings": settings}
    return {"method": name, "settings": chosen}  # the stage reports an unknown method


def _priors(tier: str, dim: int | None) -> list[str]:
    """Return the priors of a run that names none: all but the slow ones, or the toys of dimension ``dim``."""
    from posterity.certificates.cases import PRIORS, PROCESSES, SLOW, TOYS

    if dim is not None:
        return [*TOYS]
    return [p for p in PRIORS if p not in SLOW] if tier == "quick" else [*PRIORS, *PROCESSES]


def _everyone(chosen: dict[str, Any], priors: list[str]) -> list[dict[str, Any]]:
    """Return an entry for every method, with those of the ``chosen`` settings that it has.

    Baselines are omitted, since they are no posterior samplers, and so are latent solvers where none of ``priors`` is
    latent.
    """
    from posterity import samplers
    from posterity.certificates.cases import LATENT

    latent = bool({*LATENT} & {*priors})
    methods = {
        name: entry
        for name, entry in samplers.schema().items()
        if not entry["baseline"] and (latent or "latent" not in entry["needs"])
    }
    properties = {name: entry["settings"].get("properties", {}) for name, entry in methods.items()}
    unknown = [key for key in chosen if not any(key in has for has in properties.values())]
    if unknown:
        raise PosterityError(f"no sampler has a setting {unknown[0]!r}")
    return [{"method": n, "settings": {k: v for k, v in chosen.items() if k in has}} for n, has in properties.items()]
