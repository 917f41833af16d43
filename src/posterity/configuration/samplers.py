"""Resolves sampler names: which names the files define, and the settings of one for a (prior, task, dataset)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from posterity.configuration.problems import Problems
from posterity.configuration.shapes import check, defaults, schema

__all__ = ["Named", "catalogue", "defined", "foreign_reach", "settle"]


@dataclass(frozen=True)
class Named:
    """A sampler name that an experiment can use.

    ``all`` means the files' own names and their guided partners; variants, which are meant for sweeps, and baselines
    run only when named.
    """

    name: str
    definition: Mapping[str, Any]
    guided: bool = False
    variant: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        return str(self.definition["method"])

    @property
    def needs(self) -> Collection[str]:
        """Return the capabilities that the operator and prior must have."""
        return schema("samplers")[self.method]["needs"]

    @property
    def in_all(self) -> bool:
        """Return whether ``samplers: all`` includes it."""
        return self.variant is None and not schema("samplers")[self.method]["baseline"]


def catalogue(
    samplers: Mapping[str, Any], where: Mapping[str, Collection[str]], problems: Problems
) -> dict[str, Named]:
    """Return all usable names; ``where`` lists the valid prior, task, dataset and severity names."""
    out: dict[str, Named] = {}
    for name, definition in samplers.items():
        if _valid(name, definition, where, problems):
            out[name] = Named(name, definition)
            if "guided" in definition:
                out[f"{name}_guided"] = Named(f"{name}_guided", definition, guided=True)
    for name, definition in samplers.items():
        if name not in out:
            continue
        for variant, content in definition.get("variants", {}).items():
            if variant in out:
                problems.say(f"samplers.{name}.variants.{variant}", "this name is taken by another sampler")
            out[variant] = Named(variant, definition, variant=content)
    return out


def defined(samplers: Mapping[str, Any]) -> set[str]:
    """Return the names that the files intend to define, including invalid definitions."""
    out = set(samplers)
    for name, definition in samplers.items():
        if isinstance(definition, Mapping):
            out |= {f"{name}_guided"} if "guided" in definition else set()
            variants = definition.get("variants")
            out |= set(variants) if isinstance(variants, Mapping) else set()
    return out


def _valid(name: str, definition: Any, where: Mapping[str, Collection[str]], problems: Problems) -> bool:
    path = f"samplers.{name}"
    shape = schema("parts")["sampler"]
    if not check(definition, shape, path, problems):
        # names that cannot be read are not told as unknown where they are used
        variants = definition.get("variants", {}) if isinstance(definition, Mapping) else {}
        if not check(variants, shape["properties"]["variants"], path, Problems()):
            problems.unread("samplers")
        return False
    methods = schema("samplers")
    if not problems.known(f"{path}.method", definition["method"], list(methods), "method"):
        return False
    method, good = methods[definition["method"]], True
    for at, part in _parts(path, definition):
        good &= check(part.get("settings", {}), _partial(method["settings"]), f"{at}.settings", problems)
        good &= _wrappers(at, part, definition["method"], where["severity"], problems)
        for key, names in part.get("when", {}).items():
            for one in [names] if isinstance(names, str) else names:
                good &= problems.known(f"{at}.when.{key}", one, where[key], key)
    if "eta" not in definition.get("guided", {"eta": 0}):
        problems.say(f"{path}.guided", "'eta' is missing")
        good = False
    return good


def _wrappers(at: str, part: Mapping[str, Any], method: str, severities: Collection[str], problems: Problems) -> bool:
    """Return True if every wrapper of a part exists, suits the method and has valid settings."""
    known, good = schema("wrappers"), True
    named = [(f"{at}.guided", "diversity", part["guided"])] if "guided" in part else []
    around = [one for wrapper in part.get("wrap", []) for one in wrapper.items()]
    for i, (name, given) in enumerate(around):
        if not problems.known(f"{at}.wrap[{i}]", name, list(known), "wrapper"):
            good = False
            continue
        named.append((f"{at}.wrap[{i}].{name}", name, given))
        good &= check(given, known[name]["settings"], f"{at}.wrap[{i}].{name}", problems)
        if [other for other, _ in around].index(name) < i:
            problems.say(f"{at}.wrap[{i}]", f"{name} wraps the sampler twice; once is enough")
            good = False
    if "guided" in part and "diversity" in [name for name, _ in around]:
        problems.say(f"{at}.guided", "diversity wraps the sampler twice; once is enough")
        good = False
    for where, name, given in named:
        if "guidable" in known[name]["needs"] and not schema("samplers")[method]["guidable"]:
            problems.say(where, f"method {method} has no clean prediction to guide")
            good = False
        if isinstance(given.get("severity"), str):
            good &= problems.known(f"{where}.severity", given["severity"], severities, "severity")
        if "begins_late" in known[name]["needs"] and not schema("samplers")[method]["begins_late"]:
            problems.say(where, f"method {method} has no noisy state to begin late from")
            good = False
        if {"threshold", "rms"} <= set(given):
            problems.say(where, "give threshold or rms, not both")
            good = False
    return good


def _parts(path: str, definition: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    overrides = [(f"{path}.overrides[{i}]", o) for i, o in enumerate(definition.get("overrides", []))]
    variants = [(f"{path}.variants.{n}", v) for n, v in definition.get("variants", {}).items()]
    own = [(f"{at}.overrides[{i}]", o) for at, v in variants for i, o in enumerate(v.get("overrides", []))]
    return [(path, definition), *overrides, *variants, *own]


def _partial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without required keys: defaults and overrides may each give some of the settings."""
    return {k: v for k, v in settings.items() if k != "required"}


def settle(sampler: Named, prior: str, task: str, dataset: str) -> dict[str, Any]:
    """Return {name, method, settings, wrap}: defaults, overrides, the variant and its overrides, in that order."""
    definition, here = sampler.definition, {"prior": prior, "task": task, "dataset": dataset}
    settings = defaults(schema("samplers")[sampler.method]["settings"]) | definition.get("settings", {})
    guidance, wrap = dict(definition.get("guided", {})), definition.get("wrap", [])
    for override in _applying(definition, here):
        settings |= override.get("settings", {})
        guidance = _reach(guidance, override.get("guided", {}))
    variant = sampler.variant or {}
    for part in (variant, *_applying(variant, here)):
        settings |= part.get("settings", {})
        wrap = part.get("wrap", wrap)
    if sampler.guided:
        wrap = [*wrap, {"diversity": {k: guidance[k] for k in ("eta", "threshold", "rms") if k in guidance}}]
    around = [{name: _whole(name, given)} for wrapper in wrap for name, given in wrapper.items()]
    return {"name": sampler.name, "method": sampler.method, "settings": settings, "wrap": around}


def _applying(part: Mapping[str, Any], here: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the overrides of a definition or variant that apply ``here``: {prior, task, dataset}."""
    return [
        override
        for override in part.get("overrides", [])
        if all(here[k] in ([v] if isinstance(v, str) else v) for k, v in override["when"].items())
    ]


def _whole(wrapper: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wrapper's settings, with defaults for those not given."""
    return defaults(schema("wrappers")[wrapper]["settings"]) | dict(given)


def _reach(guidance: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return guidance settings with ``over`` applied: a new threshold or rms replaces either (both are the reach)."""
    kept = {k: v for k, v in guidance.items() if not ({"threshold", "rms"} & set(over) and k in ("threshold", "rms"))}
    return kept | dict(over)


def foreign_reach(sampler: Named, prior: str, task: str, dataset: str) -> str:
    """Return a guided sampler's reach, e.g. "rms 0.4", if it is not set for this prior; "" if it is.

    A distance between signals is meaningless between latent states. The wrappers of a variant count as set
    deliberately, because a variant runs only when named.
    """
    if not sampler.guided:
        return ""
    given = settle(sampler, prior, task, dataset)["wrap"][-1]["diversity"]
    for override in sampler.definition.get("overrides", []):
        named = override["when"].get("prior", [])
        if prior in ([named] if isinstance(named, str) else named) and {"threshold", "rms"} & set(
            override.get("guided", {})
        ):
            return ""
    return next((f"{key} {given[key]:g}" for key in ("rms", "threshold") if given.get(key) is not None), "")
