"""Registries of named classes: one class per file of a folder, found by the file's name, so adding one edits no other.

Listing names imports nothing. What the configuration must know of the classes (settings, needs) is written to schemas
by :mod:`posterity.configuration.generated`, because importing the classes imports torch, which takes seconds.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import is_dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

from posterity.errors import PosterityError, meant

__all__ = ["Registry", "bare"]

T = TypeVar("T")


class Registry(Generic[T]):
    """The things of one package.

    Arguments:
        package: name of the package, whose ``__path__`` is re-read at each call.
        noun: the word for one entry in messages.
        base: MODULE.CLASS inside the package that each file's class derives from; None if files hold
            something else, which :meth:`module` returns.
        beside: files of the folder that are not entries (those that begin with "_" never are).
        facts: attributes of the class or module that :meth:`schema` returns beside the settings.
    """

    def __init__(
        self,
        package: str,
        noun: str,
        base: str | None = None,
        beside: Collection[str] = (),
        facts: Sequence[str] = (),
    ) -> None:
        self.package, self.noun, self.base = package, noun, base
        self.beside, self.facts = frozenset(beside), tuple(facts)

    def names(self) -> list[str]:
        """Return all names, sorted, from a listing of the folder."""
        found = (module.name for module in pkgutil.iter_modules(sys.modules[self.package].__path__))
        return sorted(name for name in found if self._is_thing(name))

    def _is_thing(self, name: str) -> bool:
        """Return whether a file of this name in the folder holds one of the things."""
        return name not in self.beside and not name.startswith("_")

    def known(self, name: str, valid: Collection[str] | None = None) -> str:
        """Return ``name`` if it exists.

        Raises:
            PosterityError: if it is not in ``valid`` (all names by default).
        """
        if valid is None and f"{self.package}.{name}" in sys.modules and self._is_thing(name):
            return name  # looking at the folder takes a millisecond, and operators are built for every measurement
        valid = self.names() if valid is None else valid
        if name not in valid:
            told = f"{self.noun} {name!r} does not exist; choose one of {', '.join(valid)}"
            raise PosterityError(told + meant(name, valid))
        return name

    def module(self, name: str) -> ModuleType:
        """Return the module of a name.

        Raises:
            PosterityError: for an unknown name.
        """
        return importlib.import_module(f"{self.package}.{self.known(name)}")

    def find(self, name: str) -> type[T]:
        """Return the class that the file of a name defines.

        Raises:
            PosterityError: for an unknown name, or if the file does not define exactly one such class.
        """
        module, base = self.module(name), self._base()
        own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
        found = [c for c in own if issubclass(c, base)]
        if len(found) != 1:
            told = ", ".join(c.__name__ for c in found) or "none"
            raise PosterityError(f"{module.__file__}: expected one subclass of {base.__name__}, found {told}")
        return found[0]

    def _base(self) -> type[T]:
        """Return the base class of all entries."""
        assert self.base is not None, f"{self.package} holds no classes"
        module, _, name = self.base.rpartition(".")
        base: type[T] = getattr(importlib.import_module(f"{self.package}.{module}"), name)
        return base

    def schema(self, only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return {name: {settings (JSON schema of the dataclass), doc (first line), facts}} of all entries or ``only``.

        Sets become sorted lists; a fact that a module does not define is None.
        """
        from pydantic import TypeAdapter

        out = {}
        for name in self.names() if only is None else only:
            thing = self.find(name) if self.base else self.module(name)
            told = {fact.lower(): getattr(thing, fact, None) for fact in self.facts}
            told = {fact: sorted(v) if isinstance(v, frozenset) else v for fact, v in told.items()}
            doc = (thing.__doc__ or "").partition("\n")[0]
            settings = {"settings": TypeAdapter(thing).json_schema()} if is_dataclass(thing) else {}
            out[name] = {**settings, "doc": doc, **told}
        return out


def bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a class's JSON schema without titles; a setting whose default is None may be omitted."""
    properties = {}
    for name, about in schema.get("properties", {}).items():
        optional = about.get("default", ...) is None
        properties[name] = {k: v for k, v in about.items() if k != "title" and not (optional and k == "default")}
    out = {"type": "object", "additionalProperties": False, "properties": properties}
    return out | {"required": schema["required"]} if "required" in schema else out
