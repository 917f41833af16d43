"""The tutorials run from their first cell to their last, and the site shows what they show."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
tool = runpy.run_path(str(ROOT / "tools" / "notebooks.py"))


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[list[str]]:
    """Return the kinds of what a cell shows; text that it prints is no part, since a warning may go to a log."""
    return [sorted(output.data) for output in cell.outputs if "data" in output]


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_shows_what_is_stored(path: Path) -> None:
    """A cell that raises fails; pictures and numbers may differ from machine to machine, what kind they are may not."""
    stored, ran = nbformat.read(path, 4), tool["run"](path)
    assert len(code(stored)) >= 4
    assert [kinds(cell) for cell in code(ran)] == [kinds(cell) for cell in code(stored)]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_page_of_a_tutorial_has_its_cells_and_what_they_show(path: Path) -> None:
    stored, page = nbformat.read(path, 4), tool["markdown"](path)
    assert all(cell.source in page for cell in stored.cells)
    rich = [kind for cell in code(stored) for kind in kinds(cell) if {"text/html", "image/png"} & set(kind)]
    assert rich and page.count('<div class="output"') == len(rich)


def test_a_cell_shows_what_it_prints_and_the_value_of_its_last_line() -> None:
    outputs = list(tool["_outputs"]("print('said')\n'value'", {}, "cell"))
    assert [output.get("text") or output.data["text/plain"] for output in outputs] == ["said\n", "'value'"]
    assert not list(tool["_outputs"]("x = 1", {}, "cell"))


def test_a_cell_that_fails_fails_the_run(tmp_path: Path) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("x / 0")])
    nbformat.write(book, tmp_path / "wrong.ipynb")
    with pytest.raises(ZeroDivisionError):
        tool["run"](tmp_path / "wrong.ipynb")
