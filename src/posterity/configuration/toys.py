"""An experiment's closed-form problems: the valid names, and the runs of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.certificates.tuned import tuned
from posterity.configuration import shapes
from posterity.configuration.known import REFERENCES, TOYS
from posterity.configuration.problems import Problems

__all__ = ["check", "jobs"]

_SIZES = {"instances": 8, "samples": 200, "directions": 500, "first": 0}


def check(path: str, section: Mapping[str, Any], problems: Problems) -> None:
    """Add a line for every name and setting that does not exist."""
    methods = shapes.schema("samplers") | {name: shapes.schema("references")[name] for name in REFERENCES}
    problems.known(f"{path}.prior", section["prior"], TOYS, "closed-form prior")
    if not section.get("samplers") and not section.get("sweeps"):
        problems.say(path, "names neither `samplers` nor `sweeps`")
    for i, method in enumerate(section.get("samplers", [])):
        problems.known(f"{path}.samplers[{i}]", method, methods, "method")
        if method == "recursion" and section["prior"] != "gaussian":
            problems.add(f"{path}.samplers[{i}]", method, "follows the moments of the closed-form prior gaussian only")
    for name, sweep in section.get("sweeps", {}).items():
        at = f"{path}.sweeps.{name}"
        if name in section.get("samplers", []):
            problems.say(at, "this name is taken by a sampler")
        if sweep["method"] == "recursion" and section["prior"] != "gaussian":
            problems.add(f"{at}.method", "recursion", "follows the moments of the closed-form prior gaussian only")
        if problems.known(f"{at}.method", sweep["method"], methods, "method"):
            shape = {k: v for k, v in methods[sweep["method"]]["settings"].items() if k != "required"}
            taken = shape.get("properties", {})
            known = all(problems.known(f"{at}.vary", name, taken, "setting") for name in sweep["vary"])
            if shapes.check(sweep.get("settings", {}), shape, f"{at}.settings", problems) and known:
                for value in sweep["values"]:
                    shapes.check(dict.fromkeys(sweep["vary"], value), shape, f"{at}.values", problems)


def jobs(section: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {name: {runs, instances, samples, directions, first}}; a sampler's name is its method."""
    sizes = {k: section.get(k, default) for k, default in _SIZES.items()}
    out = {}
    for method in section.get("samplers", []):
        out[method] = sizes | {"runs": [_run(method, {})]}
    for name, sweep in section.get("sweeps", {}).items():
        own = {k: sweep.get(k, v) for k, v in sizes.items()}
        settings = [sweep.get("settings", {}) | dict.fromkeys(sweep["vary"], value) for value in sweep["values"]]
        out[name] = own | {"runs": [_run(sweep["method"], one) for one in settings]}
    return out


def _run(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method with its settings: defaults, then values tuned for closed-form problems, then given ones."""
    if method in REFERENCES:
        return {"method": method, "settings": dict(given)}
    defaults = shapes.defaults(shapes.schema("samplers")[method]["settings"])
    return {"method": method, "settings": defaults | tuned(method, defaults) | dict(given)}
