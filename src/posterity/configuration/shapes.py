"""Checks values against JSON schemas and reports each mistake in one line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from posterity.configuration.problems import Problems
from posterity.errors import meant

__all__ = ["NAME", "check", "datasets", "defaults", "priors", "schema", "tasks"]

NAME = r"^[a-z0-9][a-z0-9_-]*$"
"""Pattern of valid names; the workflow's wildcards are constrained to it."""

_LARGEST = sys.float_info.max
_MANY = 30
"""Maximum number of lines about one part."""
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


_REGISTRIES = {
    "datasets": "datasets",
    "figures": "figures",
    "metrics": "metrics",
    "operators": "operators.families",
    "priors": "priors.families",
    "samplers": "samplers",
    "severities": "severities",
    "subsets": "subsets",
    "tables": "tables",
    "wrappers": "wrappers",
}
"""{schema: registry package that it is generated from}."""


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a schema file of this package: ``parts`` is written by hand, others are generated.

    A class added to a registry since the schema was written is included too, but describing it imports torch, which
    takes seconds, until `posterity schema --write` is run.
    """
    path = files(__package__).joinpath("schemas", f"{name}.json")
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if name not in _REGISTRIES:
        return stored
    package = import_module(f"posterity.{_REGISTRIES[name]}")
    there = package.names()
    added = package.schema([one for one in there if one not in stored]) if set(there) - set(stored) else {}
    return {one: stored.get(one) or added[one] for one in there}


@cache
def datasets() -> dict[str, Any]:
    """Return the schema of a dataset of any kind."""
    common: dict[str, Any] = schema("parts")["dataset"]
    return common | {"properties": {"kind": {"enum": list(schema("datasets"))}, **common["properties"]}}


@cache
def priors() -> dict[str, dict[str, Any]]:
    """Return {kind: schema of its priors}; priors with a weights file also have keys for its source."""
    out = {}
    for kind, shape in _kinds("priors", "kind", {}).items():
        files = schema("parts")["prior"].get(kind, {})
        properties = shape["properties"] | files.get("properties", {})
        out[kind] = files | shape | {"description": schema("priors")[kind]["about"], "properties": properties}
    return out


@cache
def tasks() -> dict[str, dict[str, Any]]:
    """Return {operator: the schema of its tasks}."""
    return _kinds("operators", "operator", schema("parts")["task"])


def _kinds(name: str, key: str, common: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of a registry's entries: ``key`` names the entry, ``common`` holds shared properties."""
    out = {}
    for kind, about in schema(name).items():
        own = about["settings"]
        properties = {key: {"const": kind}, **common, **own["properties"]}
        out[kind] = own | {"properties": properties, "required": [key, *own.get("required", ())]}
    return out


def defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default of every setting that has one."""
    return {k: v["default"] for k, v in settings.get("properties", {}).items() if "default" in v}


def check(value: Any, against: Mapping[str, Any], path: str, problems: Problems) -> bool:
    """Add a line for each of the first mistakes in ``value``; return True if there is none."""
    errors = _causes(sorted(_validator()(against).iter_errors(value), key=lambda e: list(map(str, e.path))))
    errors = _written(errors, value)
    for error in errors[:_MANY]:
        _tell(error, path, problems)
    if len(errors) > _MANY:
        problems.say(path or "the configuration", f"{len(errors) - _MANY} more mistakes")
    return not errors


def _causes(errors: list[Any]) -> list[Any]:
    """Drop mistakes that follow from another one at the same place.

    For instance, a value of the wrong type also violates bounds, and a misspelt key is both unknown and missing.
    """
    rules = {(tuple(e.absolute_path), e.validator) for e in errors}
    longest = {tuple(e.absolute_path): e.validator_value for e in errors if e.validator == "maxItems"}
    return [
        e
        for e in errors
        if not (e.validator != "type" and (tuple(e.absolute_path), "type") in rules)
        and not (_misses(e) and (tuple(e.absolute_path), "additionalProperties") in rules)
        and not _surplus(tuple(e.absolute_path), longest)
    ]


def _surplus(path: tuple[Any, ...], longest: Mapping[tuple[Any, ...], int]) -> bool:
    """Return True if the path leads through an entry that is too many; ``longest`` has the lists' maximum lengths."""
    return any(path[:n] in longest and path[n] >= longest[path[:n]] for n in range(len(path)))


def _misses(error: Any) -> bool:
    """Return True if the only mistake is a missing key."""
    return error.validator == "required" or (
        error.validator in ("anyOf", "oneOf")
        and bool(error.context)
        and all(one.validator == "required" and not one.path for one in error.context)
    )


def _written(errors: list[Any], value: Any) -> list[Any]:
    """Drop the repeats of a mistake in a value that YAML aliases repeat, so that it gets one line."""
    told: dict[tuple[Any, ...], Any] = {}
    for number, error in enumerate(errors):
        place: tuple[Any, ...] = (number,)
        if error.absolute_path:
            *above, last = error.absolute_path
            holder = value
            for step in above:
                holder = holder[step]
            place = (id(holder), last, error.validator)
        told.setdefault(place, error)
    return list(told.values())


@cache
def _validator() -> Any:
    """Build the validator of JSON schemas: numbers must be finite, and patterns must match the whole text."""
    import jsonschema  # type: ignore[import-untyped]

    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_whole})
    return jsonschema.validators.extend(base, {"pattern": _pattern, "uniqueItems": _unique}, type_checker=types)


def _is_number(checker: Any, value: Any) -> bool:
    """Return True for a finite number: YAML also allows .inf, .nan and integers too large for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _is_whole(checker: Any, value: Any) -> bool:
    """Return True for an int: JSON schema also accepts 7.0, which Python cannot use as a count."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    """Match a pattern against the whole text, since "$" alone lets a trailing newline pass."""
    import jsonschema

    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _unique(validator: Any, wanted: bool, value: Any, schema: Any) -> Iterator[Any]:
    """Find repeated entries in linear time."""
    import jsonschema

    if wanted and isinstance(value, list) and len({json.dumps(v, sort_keys=True) for v in value}) < len(value):
        yield jsonschema.ValidationError(f"{value!r} has non-unique elements")


def _tell(error: Any, root: str, problems: Problems) -> None:
    path = root + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    path, value, rule = path.lstrip("."), error.instance, error.validator
    if rule in ("additionalProperties", "unevaluatedProperties"):
        valid = list(error.schema.get("properties", {}))
        for key in [key for key in value if key not in valid][:_MANY]:
            lacks = [k for k in error.schema.get("required", ()) if k not in value]
            hint = meant(key, lacks or valid) or f"; valid: {', '.join(valid) or 'none'}"
            hint += f"; {', '.join(map(repr, lacks))} is missing" if lacks else ""
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
    """Return what the alternatives require; if the type fits only one of them, that one was meant."""
    if not error.context:
        return "fits several alternatives that exclude each other"
    wrong = [e for e in error.context if not e.path]
    fitting = [e for e in wrong if e.validator != "type"]
    told = dict.fromkeys(_wanted(e, value) for e in fitting or wrong or error.context)
    return " or ".join(told).replace(" or must be ", " or ")


def _wanted(error: Any, value: Any) -> str:
    rule, want = error.validator, error.validator_value
    if rule == "type":
        types = [want] if isinstance(want, str) else want
        return f"must be {' or '.join(_TYPES[t] for t in types)}{_number(value, 'integer' in types)}"
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


def _number(value: Any, whole: bool) -> str:
    """Return a hint if a number was probably meant: YAML reads 1e-4 as text, and 7.0 as a float."""
    if not isinstance(value, str | float):
        return ""
    try:
        number = float(value)
        text = f"{int(number)}" if whole else repr(number) if "e" not in repr(number) else f"{number:.1e}"
    except (ValueError, OverflowError):
        return ""
    if whole and number != int(number):
        return ""
    return f", and {value!r} is text; write {text}" if isinstance(value, str) else f"; write {text}" if whole else ""
