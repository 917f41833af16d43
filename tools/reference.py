"""Fills the tables of the configuration reference from the schemas while the site is built.

A line ``<!-- reference: parts/config -->`` in a page becomes a table of that schema's keys;
``<!-- reference: samplers -->`` becomes a section for every sampler; tasks and priors have a section a kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from posterity.configuration.shapes import schema

_MARK = re.compile(r"^<!-- reference: (\S+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by mkdocs for every page."""
    return _MARK.sub(lambda found: fill(found[1]), markdown)


def fill(what: str) -> str:
    """The Markdown that stands for a mark."""
    if what in ("samplers", "subsets"):
        return "\n".join(_methods(schema(what)))
    name, *path = what.split("/")
    found = reduce(lambda node, key: node[key], path, schema(name))
    if what in ("parts/task", "parts/prior"):
        return "\n\n".join(f"### `{name}`\n\n{keys(shape)}" for name, shape in found.items())
    return keys(found)


def keys(shape: Mapping[str, Any]) -> str:
    """A table of the keys of a mapping; a key that must be given has no default."""
    required = shape.get("required", ())
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for key, value in shape.get("properties", {}).items():
        default = (
            "**required**" if key in required else f"`{json.dumps(value['default'])}`" if "default" in value else ""
        )
        rows.append(f"| `{key}` | {_cell(kind(value))} | {default} | {_cell(value.get('description', ''))} |")
    return "\n".join(rows) if len(rows) > 2 else "It takes no settings."


def kind(value: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(kind(one) for one in value["anyOf"]))
    if "const" in value or "enum" in value:
        return ", ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {kind(value.get('items', {}))}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {value[bound]}" for bound, sign in bounds.items() if bound in value]
    words = {"string": "text", "object": "mapping", "boolean": "true or false", "null": "null"}
    name = str(value.get("type", "anything"))
    return " ".join([words.get(name, name), *([", ".join(limits)] if limits else [])])


def _methods(methods: Mapping[str, Any]) -> Iterator[str]:
    for name, method in methods.items():
        settings = method["settings"]
        yield f"### `{name}`\n\n{settings.get('description', '')}\n"
        if "needs" in method:
            guidable = "can be guided" if method["guidable"] else "cannot be guided"
            yield f"Needs: {', '.join(f'`{need}`' for need in method['needs']) or 'nothing special'}; {guidable}.\n"
        yield f"{keys(settings)}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
