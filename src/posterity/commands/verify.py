"""The command that measures how wrong a sampler is, and its table in the terminal."""

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
"""Folder of the samplers' variants, relative to the working folder."""


class Tiers(Shorthand):
    """Lets ``--quick`` stand for ``--tier quick``."""

    words: ClassVar[dict[str, list[str]]] = {f"--{tier}": ["--tier", tier] for tier in ("quick", "standard", "full")}


def verify(
    samplers: Annotated[list[str] | None, typer.Argument(help="Methods, with their defaults, or variants.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All methods.")] = False,
    file: Annotated[Path | None, typer.Option("--sampler", metavar="FILE", help="Your own, in a Python file.")] = None,
    prior: Annotated[list[str] | None, typer.Option(help="May be repeated; all by default.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="May be repeated; all by default.")] = None,
    dim: Annotated[int | None, typer.Option(min=1, help="The toy problem of this size instead.")] = None,
    tier: Annotated[
        str | None,
        typer.Option(help="How much is spent: quick (with --dim: standard), standard, full; --full is enough."),
    ] = None,
    steps: Annotated[
        list[int] | None, typer.Option(min=1, help="The same as --set steps=N; repeated, a row for each.")
    ] = None,
    given: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; repeated.")] = None,
    wrap: Annotated[
        list[str] | None, typer.Option(metavar="NAME|JSON", help="A wrapper around the methods, {NAME: settings}.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of measurements and noise.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Cases at a time; as many as cores by default.")] = None,
    whole: Annotated[bool, typer.Option("--panel", help="Print every statistic of every row.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Print the table of a certificates.json again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print that file in place of the table.")] = False,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="For what is written.")] = Path("results/verify"),
    expectations: Annotated[Path, typer.Option(metavar="FOLDER", help="What is known of each method.")] = Path(
        "resources/certificates"
    ),
    update_expectations: Annotated[
        bool, typer.Option("--update-expectations", help="Store what is found there, from several seeds.")
    ] = False,
) -> None:
    """Measure samplers against exact posteriors.

    Exits with 1 when one is no posterior sampler, regressed, or diverged and was not known to.

    Every finished case is kept: after an interruption the same command goes on.

    Example: posterity verify ddrm --prior mixture --task inpaint --quick
    """
    if source is not None:
        if samplers or everyone or file:
            raise PosterityError(f"--from {source} prints what was found; leave out samplers, --all and --sampler")
        _print(source, whole, as_json)
    if not (samplers or everyone or file):
        raise PosterityError("name samplers, or give --all, or a file of your own with --sampler")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from posterity.artifacts import store
    from posterity.certificates.cases import PRIORS, PROCESSES, SLOW, TOYS, tasks
    from posterity.commands import verdict_table
    from posterity.configuration.fingerprint import fingerprint
    from posterity.stages import verify as stage

    tier = tier or ("quick" if dim is None else "standard")
    entries = []
    for number in dict.fromkeys(steps) if steps else (None,):
        chosen = _parse(given or []) | ({} if number is None else {"steps": number})
        entries += _everyone(chosen) if everyone else []
        entries += [_entry(n, chosen) for n in dict.fromkeys(samplers or []) if not everyone]
        entries += [{"file": str(file), "settings": chosen}] if file else []
    if wrap:
        around = [_wrapper(one) for one in wrap]
        if file:
            raise PosterityError("--wrap goes around methods; leave out --sampler, whose file may wrap its own")
        entries = [{**entry, "wrap": around} for entry in entries]
    if dim is not None and task:
        raise PosterityError("--dim has a task of its own; leave --task out")
    every = [*(p for p in PRIORS if tier != "quick" or p not in SLOW), *([] if tier == "quick" else PROCESSES)]
    every = every if dim is None else [*TOYS]
    priors = prior or every
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
        typer.echo(f"Everything: {output / 'certificates.parquet'}. Beside it cost_error.svg, junit.xml, badge.svg.")
    _print(output / stage.KEPT, whole, as_json)


def _print(path: Path, whole: bool, as_json: bool, leave: bool = True) -> None:
    """Print the cases of a file as a table or as they are, and exit with 1 if one of them failed."""
    from posterity.commands import verdict_table
    from posterity.stages import _kept

    kept = _kept.read(path)
    if as_json:
        typer.echo(kept.text(), nl=False)
    else:
        verdict_table.show(kept.certificates, kept.failed, whole)
    if not kept.complete:
        typer.echo(f"{len(kept.cases)} of {kept.total} cases; the same command as before makes the others", err=True)
    if leave:
        raise typer.Exit(1 if kept.failed else 0)


def _parse(given: list[str]) -> dict[str, Any]:
    """Return {key: value} of KEY=VALUE; a value is JSON where it can be, else text."""
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
    """Return {name: settings} of a name, or of that as JSON; a late start begins from the exact posterior's mean."""
    found = json_reader.parse(given, "--wrap") if given.startswith("{") else {given: {}}
    if not isinstance(found, dict) or not all(isinstance(own, dict) for own in found.values()):
        raise PosterityError(f"--wrap {given!r} is neither the name of a wrapper nor {{NAME: {{SETTING: VALUE}}}}")
    begins = {"severity": "exact", "init": "calibrated"}
    return {name: {**(begins if name == "flash" else {}), **own} for name, own in found.items()}


def _entry(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what stands for a method, or for a variant of one that a file beside the configuration defines."""
    from posterity import samplers, yaml_reader

    if name in samplers.names():
        return {"method": name, "settings": chosen}
    for path in sorted(_VARIANTS.glob("*.yaml")):
        definition = yaml_reader.read(path)
        variant = (definition.get("variants") or {}).get(name) if isinstance(definition, dict) else None
        if not isinstance(variant, dict):
            continue
        if "wrap" in variant:
            raise PosterityError(f"{path}: variant {name} has wrappers, which verify does not measure; name its method")
        settings = {**(variant.get("settings") or {}), **chosen}
        return {"method": definition["method"], "name": name, "settings": settings}
    return {"method": name, "settings": chosen}  # the stage says which methods there are


def _everyone(chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all methods, each with those of the settings that it has.

    Restorers have no prior to be compared with, and no case has a latent one.
    """
    from posterity import samplers

    methods = samplers.schema().items()
    diffusion = {name: entry for name, entry in methods if not {"restorer", "latent"} & {*entry["needs"]}}
    properties = {name: entry["settings"].get("properties", {}) for name, entry in diffusion.items()}
    unknown = [key for key in chosen if not any(key in has for has in properties.values())]
    if unknown:
        raise PosterityError(f"no sampler has a setting {unknown[0]!r}")
    return [{"method": n, "settings": {k: v for k, v in chosen.items() if k in has}} for n, has in properties.items()]
