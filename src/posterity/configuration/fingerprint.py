"""Hashes the code that a stage runs, so that an edit reruns exactly the stages that it affects.

The modules are found by following import statements from the stage's module, without importing anything.
Templates and other files in a package count too. Modules that are looked up by name at run time (a sampler,
a subset rule) are named by the settings, so an edit of one sampler reruns only that sampler. Comments, layout
and docstrings do not count.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

__all__ = ["code", "fingerprint", "modules", "parts", "printed"]

_PACKAGE = "posterity"
_ROOT = Path(__file__).parents[1]
_CARRIED = {".css", ".html", ".js", ".json"}
_KEPT = Path(cache_from_source(__file__)).with_suffix(".json")
_WHOLE = {f"{_PACKAGE}.signals", f"{_PACKAGE}.certificates.statistics", f"{_PACKAGE}.operators.families"}
"""Registries that count as a whole: the entry is chosen by the data, or all entries are used."""
_NEW: list[str] = []
"""Modules that this process had to parse."""

Found = tuple[str, tuple[str, ...]]
"""A module's (hash of the syntax tree without docstrings, imported modules of this package)."""


def fingerprint(stage: str, settings: Mapping[str, Any]) -> str:
    """Return the hash of all modules that ``stage`` and the things named in its settings use."""
    return _digest((f"{_PACKAGE}.stages.{stage}", *_named(stage, settings)))


def code(*names: str) -> str:
    """Return the hash of these modules and all modules that they import."""
    return _digest(names)


def parts(stage: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of :func:`fingerprint`: {module without the package's name: short hash}."""
    found = modules((f"{_PACKAGE}.stages.{stage}", *_named(stage, settings)))
    digests = {name: hashlib.sha256(_tree(name)[0].encode() + _carried(name)) for name in found}
    return {name.partition(".")[2] or name: digest.hexdigest()[:8] for name, digest in digests.items()}


def printed(stage: str, name: str) -> dict[str, str]:
    """Return {"published": short hash of all published numbers} for a table or figure that shows some, else {}.

    They are data rather than code, so they count as a setting.
    """
    from posterity.tables import published

    if published.__name__ not in modules((f"{_PACKAGE}.{stage}s.{name}",)):
        return {}
    return {"published": published.digest()}


def _named(stage: str, settings: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(settings.get("prior"), Mapping) and "kind" in settings["prior"]:
        yield f"{_PACKAGE}.priors.families.{settings['prior']['kind']}"
    if stage == "sample":
        yield f"{_PACKAGE}.samplers.{settings['sampler']['method']}"
        yield from (f"{_PACKAGE}.wrappers.{name}" for one in settings["sampler"].get("wrap", ()) for name in one)
    elif stage == "severity":
        yield f"{_PACKAGE}.severities.{settings['severity']['kind']}"
    elif stage == "verify":
        yield from (f"{_PACKAGE}.samplers.{entry['method']}" for entry in settings["samplers"] if "method" in entry)
    elif stage == "distance":
        yield from (f"{_PACKAGE}.samplers.{one['method']}" for one in settings["runs"])
    elif stage == "select":
        yield from (f"{_PACKAGE}.subsets.{rule.get('method', name)}" for name, rule in settings["subsets"].items())
        yield f"{_PACKAGE}.features.{settings.get('features', 'vgg')}"
    elif stage == "measure":
        yield from (f"{_PACKAGE}.metrics.{name}" for name in settings["metrics"])
    elif stage == "prepare":
        yield f"{_PACKAGE}.datasets.{settings['kind']}"
    elif stage in ("table", "figure"):
        yield f"{_PACKAGE}.{stage}s.{settings[stage]}"


class _Bare(ast.NodeTransformer):
    """Drops the docstrings of modules, classes, functions and attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


@cache
def _digest(entries: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in modules(entries):
        digest.update(f"{name}\n{_tree(name)[0]}\n".encode())
        digest.update(_carried(name))
    return digest.hexdigest()[:16]


@cache
def _carried(name: str) -> bytes:
    """Return the content of a package's other files (templates, lists of items)."""
    path = _file(name)
    if path is None or path.name != "__init__.py" or path.parent == _ROOT:
        return b""
    return b"".join(p.read_bytes() for p in sorted(path.parent.rglob("*")) if p.suffix in _CARRIED)


def modules(entries: tuple[str, ...]) -> list[str]:
    """Return the entries and every module of this package that they import, directly or indirectly."""
    seen: set[str] = set()
    todo = list(entries)
    while todo:
        name = todo.pop()
        if name in seen or _file(name) is None:
            continue
        seen.add(name)
        todo += _tree(name)[1]
        if name in _WHOLE:
            todo += [f"{name}.{path.stem}" for path in _ROOT.joinpath(*name.split(".")[1:]).glob("[a-z]*.py")]
        # importing a module runs the packages around it
        todo += [name.rpartition(".")[0]] if "." in name else []
    return sorted(seen)


@cache
def _file(name: str) -> Path | None:
    path = _ROOT.joinpath(*name.split(".")[1:])
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() and path != _ROOT else None


@cache
def _tree(name: str) -> Found:
    path = _file(name)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    digest, kept = hashlib.sha256(text.encode()).hexdigest(), _kept()
    if len(kept.get(name, [])) != 3 or kept[name][0] != digest:
        tree, package = ast.parse(text), name if path.name == "__init__.py" else name.rpartition(".")[0]
        ours = [f for f in _imported(tree, package) if f.split(".")[0] == _PACKAGE]
        bare = hashlib.sha256(ast.dump(_Bare().visit(tree)).encode()).hexdigest()
        if not _NEW:
            atexit.register(_keep)
        _NEW.append(name)
        kept[name] = [digest, bare, ours]
    return kept[name][1], tuple(kept[name][2])


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the names that a module in ``package`` may import, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).rstrip(".")
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


@cache
def _kept() -> dict[str, Any]:
    """Return the cache {module: [hash of its text, *:data:`Found`]}."""
    try:
        return dict(json.loads(_KEPT.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _keep() -> None:
    """Save the cache for the next process; without permission to write, the next process parses the modules again."""
    beside = _KEPT.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(_kept()), encoding="utf-8")
        beside.replace(_KEPT)
