"""Fills the tables of the configuration reference from the schemas while the site is built.

A line ``<!-- reference: parts/config -->`` in a page becomes a table of that schema's keys;
``<!-- reference: samplers -->`` becomes one section per sampler; tasks and priors have one section per kind.
``operators`` becomes a table of the capabilities of each operator and the samplers that support it, ``priors`` a table
of the kinds of prior, ``published`` one of the settings in ``config/samplers`` for particular priors, tasks and
data sets. ``certificates`` becomes the picture of what each statistic detects, and ``which/TASK`` the ranking of
samplers on a task, both from the stored certificates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any

import yaml

from posterity.certificates import overview
from posterity.configuration.known import closed_form, has, lacking
from posterity.configuration.shapes import datasets, priors, schema, tasks
from posterity.figures import style

_ROOT = Path(__file__).parents[1]
_PIXELS, _LATENT = ("gaussian", "mixture", "kernel"), ("latent_gaussian", "latent_mixture")
_MATRIX = "images/certificates.svg"
_MARK = re.compile(r"^<!-- reference: (\S+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by mkdocs for every page."""
    return _MARK.sub(lambda found: fill(found[1]), markdown)


def on_files(files: Any, config: Any, **_: object) -> Any:
    """Called by mkdocs: add pictures that are drawn while the site is built."""
    from mkdocs.structure.files import File

    from posterity.figures import certificate_matrix, style

    with style.look():
        svg, _png = style.save(certificate_matrix.matrix(overview.looks(_stored())), certificate_matrix.TITLE)
    files.append(File.generated(config, _MATRIX, content=svg))
    return files


def fill(what: str) -> str:
    """Return the Markdown that replaces a marker."""
    if what in ("samplers", "subsets"):
        return "\n".join(_methods(schema(what)))
    if what == "operators":
        return "\n".join(_operators())
    if what == "priors":
        return "\n".join(_priors())
    if what == "published":
        return "\n".join(_published())
    if what == "datasets":
        return keys(datasets())
    if what == "certificates":
        return f"![Samplers and statistics: passed, caught or blind]({_MATRIX})"
    name, *path = what.split("/")
    if name == "which":
        return "\n".join(_which(path[0]))
    kinds = {"tasks": tasks, "kinds-of-priors": priors}
    found = kinds[what]() if what in kinds else reduce(lambda node, key: node[key], path, schema(name))
    if what in kinds:
        return "\n\n".join(f"### `{name}`\n\n{_lead(shape)}{keys(shape)}" for name, shape in found.items())
    return keys(found)


def keys(shape: Mapping[str, Any]) -> str:
    """Return a table of the keys of a mapping; a required key has no default."""
    required = shape.get("required", ())
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for key, value in shape.get("properties", {}).items():
        default = (
            "**required**" if key in required else f"`{json.dumps(value['default'])}`" if "default" in value else ""
        )
        rows.append(f"| `{key}` | {_cell(kind(value))} | {default} | {_cell(value.get('description', ''))} |")
    return "\n".join(rows) if len(rows) > 2 else "It takes no settings."


def kind(value: Mapping[str, Any]) -> str:
    """Return the valid values of a setting in words."""
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
            needs = ", ".join(f"`{need}`" for need in method["needs"]) or "nothing special"
            yield f"{'A baseline, not a posterior sampler. ' * method['baseline']}Needs: {needs}; {guidable}.\n"
        yield f"{keys(settings)}\n"


def _operators() -> Iterator[str]:
    """Yield a table of each operator's capabilities, the priors with an exact posterior, and its samplers."""
    parts = ("linear", "adjoint", "pinv", "svd", "mask")
    yield f"| operator | {' | '.join(parts)} | exact posterior under | samplers |"
    yield f"| --- |{' :-: |' * len(parts)} --- | --- |"
    for name in schema("operators"):
        exact = [kind for kind in schema("priors") if name in closed_form({"kind": kind})]
        noisy, clean = (_able(name, exact, sigma) for sigma in (1.0, 0.0))
        samplers = [f"`{m}`{'' if m in noisy and m in clean else '¹' if m in noisy else '²'}" for m in
                    schema("samplers") if m in noisy or m in clean]  # fmt: skip
        marks = ("•" if part in has(name) else "" for part in parts)
        yield f"| `{name}` | {' | '.join(marks)} | {_list(exact)} | {', '.join(samplers)} |"
    yield "\n¹ only with noise, ² only without noise; `exact` and `posterior_mean` if the prior has an exact posterior."


def _lead(shape: Mapping[str, Any]) -> str:
    """Return a kind's description as a paragraph, if it has one."""
    about = str(shape.get("description", ""))
    return f"{about[:1].upper()}{about[1:]}.\n\n" if about else ""


def _priors() -> Iterator[str]:
    """Yield a table of the kinds of prior with the operators for which their posterior is exact."""
    yield "| kind | is | exact posterior for |\n| --- | --- | --- |"
    linear = {name for name in schema("operators") if "linear" in has(name)}
    for name, shape in priors().items():
        able = sorted(closed_form({"kind": name}))
        every = "every linear operator: " if able and set(able) == linear else ""
        yield f"| `{name}` | {_cell(shape['description'])} | {every}{_list(able) or 'none'} |"


@cache
def _stored() -> dict[Any, Any]:
    return overview.stored(_ROOT / "resources" / "certificates")


def _which(task: str) -> Iterator[str]:
    """Yield the ranking of samplers on a task: first with priors of signals, then of latent states."""
    for names in (_PIXELS, _LATENT):
        found = overview.standings(_stored(), task, names)
        if len(found) > 1:
            yield f"| sampler | distance | {' | '.join(p.replace('_', ' ') for p in names)} | spread | modes |"
            yield f"| --- |{' ---: |' * (len(names) + 3)}"
            for one in found:
                cells = [f"{one.distance:.1f}", *(_number(one.distances.get(p), 1) for p in names)]
                cells += [_range(one.spread), _range(one.modes)]
                yield f"| {style.name(one.sampler)} | {' | '.join(cells)} |"
            yield ""


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _range(values: Mapping[str, float]) -> str:
    """Return the range of values over the priors."""
    low, high = (_number(f(values.values(), default=None), 2) for f in (min, max))
    return low if low == high else f"{low} to {high}"


def _able(operator: str, exact: list[str], sigma_y: float) -> list[str]:
    """Return the methods that support this operator, under a prior with a known posterior if there is one."""
    task, prior = {"operator": operator, "sigma_y": sigma_y}, {"kind": exact[0] if exact else "network"}
    return [m for m, about in schema("samplers").items() if lacking(about["needs"], task, prior) is None]


def _published() -> Iterator[str]:
    """Yield one row per entry of ``overrides``, in the order in which they are applied."""
    yield "| sampler | prior, task, data set | settings | source |\n| --- | --- | --- | --- |"
    for path in sorted((_ROOT / "config" / "samplers").glob("*.yaml")):
        for override in yaml.safe_load(path.read_text(encoding="utf-8")).get("overrides", []):
            where = "; ".join(_list([v] if isinstance(v, str) else v) for v in override["when"].values())
            given = [f"{k} {v}" for k, v in override.get("settings", {}).items()]
            given += [f"guidance {k} {v}" for k, v in override.get("guided", {}).items()]
            yield f"| `{path.stem}` | {where} | {_cell(', '.join(given))} | {_cell(override.get('source', ''))} |"


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
