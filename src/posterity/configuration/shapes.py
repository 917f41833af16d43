"""Checks values against JSON schemas and says what is wrong in one line each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from posterity.configuration.problems import Problems, meant

__all__ = ["NAME", "check", "defaults", "schema"]

NAME = r"^[a-z0-9][a-z0-9_-]*$"
"""What a name may look like; the workflow's wildcards are constrained to the same."""

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of names to values",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema file of this package: ``parts`` (by hand), ``samplers`` and ``subsets`` (generated)."""
    return json.loads(files(__package__).joinpath("schemas", f"{name}.json").read_text(encoding="utf-8"))


def defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The default of every setting that has one."""
    return {k: v["default"] for k, v in settings.get("properties", {}).items() if "default" in v}


def check(value: Any, against: Mapping[str, Any], path: str, problems: Problems) -> bool:
    """Adds a line for every mistake in ``value``; true when there was none."""
    import jsonschema  # type: ignore[import-untyped]

    # YAML can write .inf and .nan, JSON settings cannot
    finite = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", lambda _, v: _is_number(v))
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=finite)(against)
    errors = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.path)))
    for error in errors:
        _tell(error, path, problems)
    return not errors


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tell(error: Any, root: str, problems: Problems) -> None:
    path = root + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    path, value, rule = path.lstrip("."), error.instance, error.validator
    if rule in ("additionalProperties", "unevaluatedProperties"):
        valid = list(error.schema.get("properties", {}))
        for key in value:
            if key not in valid:
                hint = meant(key, valid) or f"; valid: {', '.join(valid) or 'none'}"
                problems.add(f"{path}.{key}".lstrip("."), value[key], f"unknown key{hint}")
    elif rule == "propertyNames":
        problems.say(f"{path}.{value}" if path else str(value), "a name is lower-case letters, digits, '_' and '-'")
    elif rule == "required":
        missing = [k for k in error.validator_value if k not in value]
        problems.say(path or "the configuration", f"{', '.join(map(repr, missing))} is missing")
    elif rule in ("anyOf", "oneOf"):
        problems.add(path, value, _branches(error, value))
    else:
        problems.add(path, value, _wanted(error, value))


def _branches(error: Any, value: Any) -> str:
    """What the alternatives want; one whose type fits already is the one that was meant."""
    if not error.context:
        return "fits several alternatives that exclude each other"
    wrong = [e for e in error.context if not e.path]
    fitting = [e for e in wrong if e.validator != "type"]
    told = dict.fromkeys(_wanted(e, value) for e in fitting or wrong or error.context)
    return " or ".join(told).replace(" or must be ", " or ")


def _wanted(error: Any, value: Any) -> str:
    rule, want = error.validator, error.validator_value
    if rule == "type":
        return f"must be {' or '.join(_TYPES[t] for t in ([want] if isinstance(want, str) else want))}{_number(value)}"
    if rule in _BOUNDS:
        return f"must be {_BOUNDS[rule]} {want}"
    if rule in ("enum", "const"):
        valid = [str(v) for v in (want if rule == "enum" else [want])]
        return f"must be one of {', '.join(valid)}{meant(value, valid)}"
    if rule == "pattern":
        return "a name is lower-case letters, digits, '_' and '-'" if want == NAME else f"must match {want}"
    if rule in ("minItems", "minLength", "minProperties"):
        return f"needs at least {want}"
    if rule == "maxItems":
        return f"takes at most {want}"
    if rule == "uniqueItems":
        return "names something twice"
    if rule == "required":
        return f"needs {', '.join(map(repr, (k for k in want if k not in value)))}"
    return str(error.message).splitlines()[0]


def _number(value: Any) -> str:
    """YAML takes 1e-4 for text: say so where a number was meant."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return (
        f", and {value!r} is text; write {number!r}"
        if "e" not in repr(number)
        else f", and {value!r} is text; write {number:.1e}"
    )
