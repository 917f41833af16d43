"""The page of one restored picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Page", "Tile", "render"]


@dataclass(frozen=True)
class Tile:
    """A picture inside the page, with a word to it."""

    name: str
    uri: str


@dataclass(frozen=True)
class Page:
    """All that the template prints.

    Arguments:
        title: what the picture is called.
        measured: what was measured and, where it is known, the original.
        samples: the answers that are shown.
        summary: mean and uncertainty of the pool; empty for one sample.
        largest: standard deviation of the brightest colour.
        chosen: whether the answers were chosen from more.
        facts: settings in words.
        command: what makes the page again, or "".
        program: the call that draws the same in Python.
    """

    title: str
    measured: Sequence[Tile]
    samples: Sequence[Tile]
    summary: Sequence[Tile]
    largest: float | None
    chosen: bool
    facts: Sequence[tuple[str, str]]
    command: str
    program: str


def render(page: Page) -> str:
    """Return the page as HTML; everything is inside it, so nothing is requested when it is opened."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("posterity.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("restored.html").render(page=page)
