"""The declared list of assets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from posterity.assets.convert import CONVERSIONS
from posterity.errors import PosterityError

__all__ = ["DECLARED", "Asset", "load", "parse"]

DECLARED = Path("resources/assets.yaml")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SOURCE = re.compile(
    r"https?://\S+"
    r"|hf:[\w.-]+/[\w.-]+/[^@\s]+@[\w./-]+"
    r"|npm:[\w.@/-]+@[\w.+-]+#[^#\s]+"
    r"|file:.+"
    r"|(?P<package>[A-Za-z0-9][\w.-]*==[\w.+!-]+)(?P<member>#[^#\s]+)?"
)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file that is fetched, or that users download by hand.

    Arguments:
        name: the folder under data/assets.
        version: the version that the sources provide.
        file: the file's name in that folder.
        sources: tried in order: ``https://…``, ``hf:owner/repo/path@revision``, ``package==version``,
            ``package==version#member``, ``npm:package@version#member``, ``file:path``; all provide the
            same bytes.
        sha256: SHA-256 of these bytes, before conversion.
        size: their number.
        license: SPDX identifier, or a sentence.
        attribution: whom to credit.
        archives: SHA-256 of each package archive that a member is taken from, by ``package==version``.
        convert: the conversion from these bytes to ``file``; None keeps them.
        by_hand: the web page to download it from if no SHA-256 of it is published or its terms must be
            accepted; it then has no sources, and is verified only if a SHA-256 is given.
        terms: what users must agree to or own to download it, in words.
    """

    name: str
    version: str
    file: str
    sources: tuple[str, ...] = ()
    sha256: str = ""
    size: int = 0
    license: str
    attribution: str
    archives: Mapping[str, str] = field(default_factory=dict)
    convert: str | None = None
    by_hand: str | None = None
    terms: str | None = None

    def path(self, root: Path) -> Path:
        """Return the asset's path under ``root`` (data/assets)."""
        return root / self.name / self.file

    def place(self, root: Path) -> Path:
        """Return the folder for a file downloaded by hand: beside ``root``, where no job deletes it."""
        return root.parent / "by_hand" / self.file

    def instruction(self, root: Path) -> str:
        """Return a one-line instruction for downloading the file by hand."""
        terms = f" ({self.terms})" if self.terms else ""
        return f"get {self.file} at {self.by_hand}{terms} and put it at {self.place(root)}"


_OPTIONAL = {"archives", "convert", "by_hand", "terms"}
_FETCHED = {"sources", "sha256", "size"}


def _mistakes(name: str, entry: Mapping[str, Any]) -> list[str]:
    keys = {f.name for f in fields(Asset)} - {"name"}
    by_hand = entry.get("by_hand")
    wrong = [f"{key} is missing" for key in sorted(keys - _OPTIONAL - set(entry) - (_FETCHED if by_hand else set()))]
    wrong += [
        f"{key} is not a key; valid are {', '.join(sorted(keys))}" for key in sorted(set(entry) - keys - {"name"})
    ]
    if by_hand:
        entry = {k: v for k, v in entry.items() if k not in _FETCHED or v}  # a job's settings include the defaults
        if not str(by_hand).startswith("https://"):
            wrong.append(f"by_hand is {by_hand!r}, expected the address of a page, https://…")
        if entry.get("sources"):
            wrong.append(f"sources is {entry['sources']!r}, but an asset with by_hand has none")
    for key in ("version", "file", "license", "attribution"):
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            wrong.append(f"{key} is {entry[key]!r}, expected a text")
    if isinstance(entry.get("file"), str) and Path(entry["file"]).name != entry["file"]:
        wrong.append(f"file is {entry['file']!r}, expected a name without a folder")
    if "sha256" in entry and not _SHA256.fullmatch(str(entry["sha256"])):
        wrong.append(f"sha256 is {entry['sha256']!r}, expected 64 hexadecimal digits in lower case")
    if "size" in entry and not (type(entry["size"]) is int and entry["size"] > 0):
        wrong.append(f"size is {entry['size']!r}, expected a positive number of bytes")
    if not (entry.get("terms") is None or (isinstance(entry["terms"], str) and by_hand)):
        wrong.append(f"terms is {entry['terms']!r}, expected a text, and only together with by_hand")
    if entry.get("convert") not in (None, *CONVERSIONS):
        wrong.append(f"convert is {entry['convert']!r}, expected one of {', '.join(CONVERSIONS)}")
    archives = entry.get("archives") or {}
    if not isinstance(archives, Mapping) or not all(_SHA256.fullmatch(str(v)) for v in archives.values()):
        wrong.append(f"archives is {archives!r}, expected package==version: SHA-256")
        archives = {}
    return wrong + _wrong_sources(entry["sources"], archives) if "sources" in entry else wrong


def _wrong_sources(sources: Any, archives: Mapping[str, str]) -> list[str]:
    if not isinstance(sources, list | tuple) or not sources:
        return [f"sources is {sources!r}, expected a list"]
    wrong = []
    for source in sources:
        match = _SOURCE.fullmatch(str(source))
        if not match:
            wrong.append(f"source {source!r} is none of https://…, hf:owner/repo/path@revision, package==version, "
                         "package==version#member, npm:package@version#member, file:path")  # fmt: skip
        elif match["member"] and match["package"] not in archives:
            wrong.append(f"source {source!r} takes a member, but archives has no SHA-256 for {match['package']!r}")
    return wrong


def parse(entries: Mapping[str, Mapping[str, Any]], where: str = "assets") -> dict[str, Asset]:
    """Validate all entries; report each mistake in its own line."""
    if not isinstance(entries, Mapping):
        raise PosterityError(f"{where} holds a {type(entries).__name__}, expected asset names with their entries")
    wrong: list[str] = []
    found: dict[str, Asset] = {}
    for name, entry in entries.items():
        if not isinstance(entry, Mapping):
            wrong.append(f"{where}: {name}: is {entry!r}, expected keys and values")
            continue
        mistakes = _mistakes(name, entry)
        wrong += [f"{where}: {name}: {m}" for m in mistakes]
        if not mistakes:
            known = {**entry, "name": name, "sources": tuple(entry.get("sources", ())),
                     "archives": entry.get("archives") or {}}  # fmt: skip
            found[name] = Asset(**known)
    if wrong:
        raise PosterityError("\n".join(wrong))
    return found


def load(path: Path = DECLARED) -> dict[str, Asset]:
    """Read the declared list."""
    from posterity import yaml_reader

    return parse(yaml_reader.read(Path(path)), where=str(path))
