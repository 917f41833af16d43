"""Embeds figures in the report, with their numbers and links to the files that they were drawn from."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from posterity import figures
from posterity.errors import PosterityError
from posterity.picture_reader import opened
from posterity.report.inline import inline
from posterity.report.thumbnails import thumbnail

__all__ = ["Picture", "files", "picture"]

_DUBLIN = "{http://purl.org/dc/elements/1.1/}"
_IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}
_LARGEST = 400_000
"""Largest size in bytes of an SVG that is embedded as markup, not as an image."""


@dataclass(frozen=True)
class Picture:
    """A figure embedded in the page.

    Arguments:
        name, title, caption: its texts.
        section: its section of the report.
        uri: the image as a data URI, "" if ``svg`` is given.
        svg: markup in which samplers can be highlighted, or "".
        csv: its numbers as a data URI, or "".
        drawing: address of its file.
        sources: (name, address or "") of the Parquet files that it was drawn from.
        small: a small picture of it as a data URI, "" where it has no PNG.
    """

    name: str
    title: str
    caption: str
    section: str
    uri: str
    svg: str
    csv: str
    drawing: str
    sources: Sequence[tuple[str, str]]
    small: str


def files(paths: Sequence[Path]) -> list[Path]:
    """Return one file per figure, the SVG if there are both."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(paths, key=lambda p: (p.parent.name, p.stem, p.suffix != ".svg")):
        if path.suffix in _IMAGES:
            found.setdefault((path.parent.name, path.stem), path)
    return list(found.values())


def picture(path: Path, page: Path) -> Picture:
    """Read a figure for ``page``, a file in the folder of results; addresses are relative to it."""
    content = path.read_bytes()
    words = _words(path, content)
    title, caption = words.get("title") or path.stem, words.get("description", "")
    module = figures.find(path.stem) if path.stem in (*figures.names(), *figures.BESIDE) else None
    svg = ""
    if path.suffix == ".svg" and len(content) <= _LARGEST and b'id="sampler.' in content:
        prefix = f"{path.parent.name}-{path.stem}"
        svg = inline(content.decode(), prefix, escape(f"{title}. {caption}", quote=True))
    numbers = path.with_suffix(".csv")
    names = [name for name in words.get("source", "").split("\n") if name]
    return Picture(
        path.stem, title, caption, module.SECTION if module else "gallery",
        "" if svg else _uri(_IMAGES[path.suffix], content), svg,
        _uri("text/csv", numbers.read_bytes()) if numbers.exists() else "",
        _address(path, page), [(name, _address(page.parents[1] / name, page)) for name in names],
        thumbnail(path.with_suffix(".png")),
    )  # fmt: skip


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _address(path: Path, page: Path) -> str:
    """Return the path relative to the page if it is among the same results and exists; else ""."""
    root = page.absolute().parents[1]
    if not path.absolute().is_relative_to(root) or not path.exists():
        return ""
    return quote(f"../{path.absolute().relative_to(root).as_posix()}")


def _words(path: Path, content: bytes) -> Mapping[str, str]:
    """Return the title, description and source stored in the figure."""
    keys = ("title", "description", "source")
    if path.suffix == ".svg":
        try:
            tree = ElementTree.fromstring(content)
        except ElementTree.ParseError as error:
            raise PosterityError(f"{path} is not a readable SVG ({error})") from error
        return {key: tree.findtext(f".//{_DUBLIN}{key}") or "" for key in keys}
    with opened(content, str(path), ("PNG",)) as image:
        text: Mapping[str, str] = getattr(image, "text", {})
        return {key: text.get(key.capitalize(), "") for key in keys}
