"""Writes the report: one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity.artifacts import store

__all__ = ["run"]


def run(settings: dict[str, Any], *, inputs: list[Path], output: Path) -> None:
    """Write ``output`` (.html).

    ``settings`` holds title and experiments, and optionally about ({experiment: {title, about, configuration}}),
    explorers (names) and further ({name: title} of experiments that are made when asked for); ``inputs`` are tables,
    figures (SVG or PNG), metrics, questions and licence texts.
    """
    from posterity.report.page import gather, render

    page = gather(settings, inputs, output)
    store.write_bytes(output, render(page).encode())
