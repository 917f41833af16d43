"""Samplers by name: what the files define, and what a name means for one (prior, task, dataset)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from posterity.configuration.problems import Problems
from posterity.configuration.shapes import check, defaults, schema

__all__ = ["Named", "catalogue", "defined", "settle"]


@dataclass(frozen=True)
class Named:
    """One name that an experiment can use.

    ``all`` stands for the files' own names and their guided partners, not for variants, which are
    there for sweeps and run only when named.
    """

    name: str
    definition: Mapping[str, Any]
    guided: bool
    variant: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        return str(self.definition["method"])

    @property
    def needs(self) -> Collection[str]:
        """What the operator and the prior must have."""
        return schema("samplers")[self.method]["needs"]


def catalogue(
    samplers: Mapping[str, Any], where: Mapping[str, Collection[str]], problems: Problems
) -> dict[str, Named]:
    """All usable names; ``where`` lists the valid prior, task and dataset names for overrides."""
    out: dict[str, Named] = {}
    for name, definition in samplers.items():
        if _valid(name, definition, where, problems):
            out[name] = Named(name, definition, guided=False)
            if "guided" in definition:
                out[f"{name}_guided"] = Named(f"{name}_guided", definition, guided=True)
    for name, definition in samplers.items():
        if name not in out:
            continue
        for variant, content in definition.get("variants", {}).items():
            if variant in out:
                problems.say(f"samplers.{name}.variants.{variant}", "this name is taken by another sampler")
            out[variant] = Named(variant, definition, "guidance" in content, content)
    return out


def defined(samplers: Mapping[str, Any]) -> set[str]:
    """The names that the files mean to define, also those with mistakes in them."""
    out = set(samplers)
    for name, definition in samplers.items():
        if isinstance(definition, Mapping):
            out |= {f"{name}_guided"} if "guided" in definition else set()
            out |= set(definition.get("variants") or {})
    return out


def _valid(name: str, definition: Any, where: Mapping[str, Collection[str]], problems: Problems) -> bool:
    path = f"samplers.{name}"
    if not check(definition, schema("parts")["sampler"], path, problems):
        return False
    methods = schema("samplers")
    if not problems.known(f"{path}.method", definition["method"], list(methods), "method"):
        return False
    method, good = methods[definition["method"]], True
    for at, part in _parts(path, definition):
        good &= check(part.get("settings", {}), _partial(method["settings"]), f"{at}.settings", problems)
        for key in ("guided", "guidance"):
            if key in part and not method["guidable"]:
                problems.say(f"{at}.{key}", f"method {definition['method']} has no clean prediction to guide")
                good = False
            if {"threshold", "rms"} <= set(part.get(key, ())):
                problems.say(f"{at}.{key}", "give threshold or rms, not both")
                good = False
        for key, names in part.get("when", {}).items():
            for one in [names] if isinstance(names, str) else names:
                good &= problems.known(f"{at}.when.{key}", one, where[key], key)
    if "eta" not in definition.get("guided", {"eta": 0}):
        problems.say(f"{path}.guided", "'eta' is missing")
        good = False
    return good


def _parts(path: str, definition: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    overrides = [(f"{path}.overrides[{i}]", o) for i, o in enumerate(definition.get("overrides", []))]
    variants = [(f"{path}.variants.{n}", v) for n, v in definition.get("variants", {}).items()]
    return [(path, definition), *overrides, *variants]


def _partial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without what it requires: defaults and overrides may each give a part."""
    return {k: v for k, v in settings.items() if k != "required"}


def settle(sampler: Named, prior: str, task: str, dataset: str) -> dict[str, Any]:
    """{name, method, settings, guidance} with every default, override and variant applied, in that order."""
    definition, here = sampler.definition, {"prior": prior, "task": task, "dataset": dataset}
    settings = defaults(schema("samplers")[sampler.method]["settings"]) | definition.get("settings", {})
    guidance = dict(definition.get("guided", {}))
    for override in definition.get("overrides", []):
        if all(here[k] in ([v] if isinstance(v, str) else v) for k, v in override["when"].items()):
            settings |= override.get("settings", {})
            guidance = _reach(guidance, override.get("guided", {}))
    if sampler.variant is not None:
        settings |= sampler.variant.get("settings", {})
        guidance = _reach(guidance, sampler.variant.get("guidance", {}))
    resolved = {"name": sampler.name, "method": sampler.method, "settings": settings, "guidance": None}
    if sampler.guided:
        resolved["guidance"] = {"eta": guidance["eta"]} | {k: guidance.get(k) for k in ("threshold", "rms")}
    return resolved


def _reach(guidance: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new threshold or rms puts aside the one before it: they are two units of one thing."""
    kept = {k: v for k, v in guidance.items() if not ({"threshold", "rms"} & set(over) and k in ("threshold", "rms"))}
    return kept | dict(over)
