"""The subjects of `verify`: methods with their settings, or a user's own sampler file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from posterity import samplers, wrappers
from posterity.certificates.expectations import Key
from posterity.certificates.foreign import Foreign
from posterity.certificates.tiers import options
from posterity.errors import PosterityError
from posterity.samplers.base import Sampler
from posterity.stages import _user_file
from posterity.stages._settings import built

__all__ = ["Subject", "subject"]


@dataclass(frozen=True)
class Subject:
    """One sampler.

    Arguments:
        name: as shown in tables; a variant has a name of its own.
        sampler: the sampler, built with its settings.
        settings: its settings as canonical JSON.
        file: the user's file that defines it, if any.
        method: the method that the settings belong to; differs from ``name`` only for a variant.
    """

    name: str
    sampler: Sampler
    settings: str
    file: Path | None = None
    method: str = ""

    def stored(self, key: Key) -> Key:
        """Return the key under which this subject's expectations are stored; variants share their method's file."""
        return replace(key, sampler=self.method or self.name)


def subject(entry: Mapping[str, Any], tier: str, toy: bool = False) -> Subject:
    """Build a subject from {method or file, settings, optional name}, or from {sampler, name} with a built sampler.

    A method's entry may have ``wrap``, a list of wrappers {name: settings}.


    A class may declare cheaper settings for a tier, and a toy problem has published ones; given settings override both.

    Raises:
        PosterityError: if the method or one of the settings does not exist.
    """
    if "sampler" in entry:
        return Subject(entry["name"], entry["sampler"], "{}")
    given = dict(entry.get("settings") or {})
    if "file" not in entry:
        method = _method(entry["method"], given, tier, toy)
        named = replace(method, name=entry.get("name", method.name), method=method.name)
        return _wrapped(named, entry.get("wrap", ()))
    path = Path(entry["file"])
    if path.stem in samplers.names():
        raise PosterityError(f"{path}: {path.stem} is a sampler of posterity; give the file another name")
    found = _user_file.load(path)
    if isinstance(found, Foreign):
        if given:
            raise PosterityError(f"{path}: a function has no settings; {', '.join(given)} cannot be set")
        return Subject(path.stem, found, "{}", path)
    return _built(path.stem, found, given, path, tier, toy)


def _wrapped(inner: Subject, around: Sequence[Mapping[str, Mapping[str, Any]]]) -> Subject:
    """Return the subject inside the wrappers [{name: settings}], their names appended; ``method`` is kept."""
    if not around:
        return inner
    made = [(name, built(wrappers.find(name), own, f"--wrap {name}")) for one in around for name, own in one.items()]
    settings = json.loads(inner.settings) | {"wrap": [{name: dict(own)} for one in around for name, own in one.items()]}
    name = "_".join([inner.name, *(name for name, _ in made)])
    sampler = wrappers.Wrapped(inner.sampler, tuple(wrapper for _, wrapper in made))
    return replace(inner, name=name, sampler=sampler, settings=json.dumps(settings, sort_keys=True))


def _method(name: str, given: dict[str, Any], tier: str, toy: bool) -> Subject:
    try:
        cls = samplers.find(name)
    except PosterityError as error:
        raise PosterityError(f"{error}; or give --sampler FILE") from None
    return _built(name, cls, given, None, tier, toy)


def _built(name: str, cls: type[Sampler], given: dict[str, Any], path: Path | None, tier: str, toy: bool) -> Subject:
    for attribute in ("quick", "standard"):
        if not isinstance(getattr(cls, attribute), Mapping):
            found = f"{attribute} = {getattr(cls, attribute)!r}"
            raise PosterityError(f"sampler {name}: {found} on the class must hold settings, like {{'steps': 20}}")
    adapter, named = TypeAdapter(cls), options(name, cls, tier, toy)
    try:
        sampler = adapter.validate_python({**named, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "settings"
        name = f"{name}, {tier} on the class" if key in named and key not in given else name
        if first["type"] == "missing":
            raise PosterityError(f"sampler {name}: setting {key!r} has no default; give --set {key}=VALUE") from error
        if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            valid = ", ".join(adapter.json_schema().get("properties", {})) or "none"
            raise PosterityError(f"sampler {name} has no setting {key!r}; it has: {valid}") from error
        raise PosterityError(f"sampler {name}: {key} = {first['input']!r}: {first['msg']}") from error
    return Subject(name, sampler, json.dumps(adapter.dump_python(sampler), sort_keys=True), path)
