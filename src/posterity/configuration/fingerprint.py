"""A hash of the code that a stage runs, so that an edit reruns exactly the stages that it touches.

The modules are found by reading import statements from the stage's module downwards; nothing is
imported. Templates and other files that a package carries count too. What is looked up by name while
running (a sampler, a subset rule) is named by the caller, so an edit of one sampler reruns that sampler
alone. Comments, layout and docstrings do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["fingerprint", "modules"]

_PACKAGE = "posterity"
_ROOT = Path(__file__).parents[1]
_CARRIED = {".css", ".html", ".js", ".json"}


def fingerprint(stage: str, settings: Mapping[str, Any]) -> str:
    """Of the modules behind ``stage`` and behind what its settings name."""
    return _digest((f"{_PACKAGE}.stages.{stage}", *_named(stage, settings)))


def _named(stage: str, settings: Mapping[str, Any]) -> Iterator[str]:
    if stage == "sample":
        yield f"{_PACKAGE}.samplers.{settings['sampler']['method']}"
    elif stage == "verify":
        yield from (f"{_PACKAGE}.samplers.{entry['method']}" for entry in settings["samplers"] if "method" in entry)
        folder = f"{_PACKAGE}.certificates.statistics"
        yield from sorted(f"{folder}.{path.stem}" for path in (_ROOT / "certificates/statistics").glob("[a-z]*.py"))
    elif stage == "distance":
        yield from (f"{_PACKAGE}.samplers.{one['method']}" for one in settings["runs"])
    elif stage == "select":
        yield from (f"{_PACKAGE}.subsets.{rule.get('method', name)}" for name, rule in settings["subsets"].items())
    elif stage == "prepare":
        yield f"{_PACKAGE}.datasets.{settings['kind']}"
    elif stage in ("table", "figure"):
        yield f"{_PACKAGE}.{stage}s.{settings[stage]}"


class _Bare(ast.NodeTransformer):
    """Drops the strings that document a module, class, function or attribute."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


@cache
def _digest(entries: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in modules(entries):
        digest.update(f"{name}\n{_tree(name)[0]}\n".encode())
        for path in _beside(name):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _beside(name: str) -> list[Path]:
    """What a package carries besides Python: templates, lists of items."""
    path = _file(name)
    if path is None or path.name != "__init__.py" or path.parent == _ROOT:
        return []
    return sorted(p for p in path.parent.rglob("*") if p.suffix in _CARRIED)


def modules(entries: tuple[str, ...]) -> list[str]:
    """Every module of this package that the entries import, directly or not, with themselves."""
    seen: set[str] = set()
    todo = list(entries)
    while todo:
        name = todo.pop()
        if name in seen or _file(name) is None:
            continue
        seen.add(name)
        todo += _tree(name)[1]
        # importing a module runs the packages around it
        todo += [name.rpartition(".")[0]] if "." in name else []
    return sorted(seen)


def _file(name: str) -> Path | None:
    path = _ROOT.joinpath(*name.split(".")[1:])
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() and path != _ROOT else None


@cache
def _tree(name: str) -> tuple[str, tuple[str, ...]]:
    """(the syntax tree as text without docstrings, the modules of this package that it imports)."""
    path = _file(name)
    assert path is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).rstrip(".")
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    ours = tuple(f for f in found if f.split(".")[0] == _PACKAGE)
    return ast.dump(_Bare().visit(tree)), ours
