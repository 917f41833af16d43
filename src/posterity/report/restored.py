"""The page of one restored picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posterity.report.rendering import rendered

__all__ = ["Page", "Sheet", "Tile", "render", "render_ecg"]


@dataclass(frozen=True)
class Tile:
    """A picture embedded in the page, with its label."""

    name: str
    uri: str


@dataclass(frozen=True)
class Page:
    """The content of the template.

    Arguments:
        title: name of the picture.
        measured: the measurement and, if known, the original.
        samples: the restorations shown.
        summary: mean and uncertainty of the pool; empty for one sample.
        largest: standard deviation of the brightest colour.
        chosen: whether the restorations were chosen from more samples.
        facts: settings in words.
        knows: a sentence on what the prior was built from.
        command: the command that makes the page again, or "".
        program: the equivalent Python call.
    """

    title: str
    measured: Sequence[Tile]
    samples: Sequence[Tile]
    summary: Sequence[Tile]
    largest: float | None
    chosen: bool
    facts: Sequence[tuple[str, str]]
    knows: str
    command: str
    program: str


@dataclass(frozen=True)
class Sheet:
    """The content of the page of an ECG.

    Arguments:
        title: name of the record.
        picture: the drawn sheet.
        notice: a warning against clinical use.
        remarks: warnings about the record.
        facts: settings in words.
        files: names of the files beside the page.
        command: the command that makes the page again, or "".
    """

    title: str
    picture: str
    notice: str
    remarks: Sequence[str]
    facts: Sequence[tuple[str, str]]
    files: Sequence[str]
    command: str


def render(page: Page) -> str:
    """Return the page of a picture as self-contained HTML."""
    return rendered("restored.html", page=page)


def render_ecg(page: Sheet) -> str:
    """Return the page of an ECG as self-contained HTML."""
    return rendered("restored_ecg.html", page=page)
