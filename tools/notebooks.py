"""Runs the tutorials, and turns them into pages of the site.

``python tools/notebooks.py docs/tutorials/*.ipynb`` runs each notebook from its first cell to its last, in its folder,
and stores the cells' outputs. While the site is built, mkdocs calls the functions ``on_…``; pages show stored outputs.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File

_SHOWN = {"text/html": "_repr_html_", "image/png": "_repr_png_"}
"""Rich representations of a value, the preferred one first."""
_BOX = '<div class="output" style="overflow-x: auto">'
"""A container in which a wide table scrolls."""
_ADDRESS = re.compile(r" at 0x[0-9A-F]+", re.IGNORECASE)
"""The address of an object in memory, which differs between runs."""


class Notebook(File):
    """A notebook that becomes a page."""

    def is_documentation_page(self) -> bool:
        """Return True; mkdocs itself would decide by the file ending."""
        return True


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs with all files of the site."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        files.append(Notebook(file.src_uri, file.src_dir, config.site_dir, config.use_directory_urls))
    return files


def on_page_read_source(page: Any, **_: object) -> str | None:
    """Called by mkdocs for every page; None lets it read the file itself."""
    return markdown(Path(str(page.file.abs_src_path))) if isinstance(page.file, Notebook) else None


def markdown(path: Path) -> str:
    """Return a notebook with its stored outputs as Markdown."""
    parts = []
    for cell in nbformat.read(path, 4).cells:
        parts.append(cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```")
        parts += [_told(output) for output in cell.get("outputs", ())]
    return "\n\n".join([*parts, f"*This page is the notebook `docs/tutorials/{path.name}` of the repository.*"])


def _told(output: Any) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    if "text/html" in output.data:
        return f"{_BOX}{output.data['text/html']}</div>"
    if "image/png" in output.data:
        picture = f'<img alt="what the cell shows" src="data:image/png;base64,{output.data["image/png"].strip()}">'
        return f"{_BOX}{picture}</div>"
    return f"```text\n{output.data['text/plain']}\n```"


def run(path: Path) -> Any:
    """Run every cell of a notebook in one namespace.

    Returns:
        The notebook with its outputs; the file is not changed.

    Raises:
        Exception: whatever a cell raises.
    """
    notebook, names = nbformat.read(path, 4), {"__name__": "__main__"}
    with contextlib.chdir(path.parent):
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(code, 1):
            cell.outputs = list(_outputs(cell.source, names, f"{path.name}, cell {number}"))
            cell.execution_count = number
    return notebook


def _outputs(source: str, names: dict[str, Any], called: str) -> Iterator[Any]:
    """Run a cell and yield its outputs: printed text first, then the value of its last line."""
    program, value, said = ast.parse(source, called), None, io.StringIO()
    last = program.body.pop() if program.body and isinstance(program.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        exec(compile(program, called, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), called, "eval"), names)
    if said.getvalue():
        yield nbformat.v4.new_output("stream", name="stdout", text=said.getvalue())
    if value is not None:
        yield nbformat.v4.new_output("display_data", data=_forms(value))


def _forms(value: Any) -> dict[str, str]:
    """Return a value as text and in its richest representation."""
    forms = {"text/plain": _ADDRESS.sub("", repr(value))}
    for kind, method in _SHOWN.items():
        rich = getattr(value, method, lambda: None)()
        if rich is not None:
            return forms | {kind: b64encode(rich).decode() if isinstance(rich, bytes) else rich}
    return forms


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        done = run(Path(argument).resolve())
        nbformat.write(done, argument)
