"""Begins a sampler: its file, its configuration, its tests."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from posterity import samplers
from posterity.errors import PosterityError

__all__ = ["new_sampler"]

_CODE, _CONFIG, _TESTS = Path("src/posterity/samplers"), Path("config/samplers"), Path("tests/samplers")
_SETTINGS = """# {name} where it stands by itself; under `overrides`, what a paper prints for a prior and a task.
method: {name}
settings: {{steps: 100}}
guided: {{eta: 0.3}}
"""


def new_sampler(
    name: Annotated[str, typer.Argument(help="Of the method and of its file: lower-case letters, digits and '_'.")],
    into: Annotated[Path, typer.Option(metavar="FOLDER", help="The repository.")] = Path(),
) -> None:
    """Write a small working sampler to edit, its YAML and its tests.

    Example: posterity new-sampler my_method
    """
    files = _files(name, into)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(str(path))
    _write_schema(into, list(files))
    code, _, tests = files
    typer.echo(
        f"\nIt works as it is. Edit {code}, then\n"
        f"  posterity verify {name} --quick     its error against exact posteriors\n"
        f"  pytest {tests}     the tests written for it\n"
        f"  pytest tests/samplers/test_contract.py -k {name}     what every sampler owes\n"
        f"After a change of its settings: posterity schema --write\n"
        f"To run it in an experiment, name {name} in a file of config/experiments/."
    )


def _files(name: str, into: Path) -> dict[Path, str]:
    """Return {path: text} after all checks have passed."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise PosterityError(f"a sampler cannot be called {name!r}; take lower-case letters, digits and '_'")
    template = Path(__file__).parent / "template"
    code, tests = ((template / file).read_text(encoding="utf-8") for file in ("sampler.py", "contract.py"))
    cls = "".join(part.capitalize() for part in name.split("_"))
    if name in samplers.REGISTRY.beside or re.search(rf"\b{cls}\b", code):
        raise PosterityError(
            f"a sampler cannot be called {name!r}: the name {name} or {cls} means something else there"
        )
    for folder in (_CODE, _CONFIG, _TESTS):
        if not (into / folder).is_dir():
            raise PosterityError(f"there is no {into / folder}; run this in the repository or give it with --into")
    places = (into / _CODE / f"{name}.py", into / _CONFIG / f"{name}.yaml", into / _TESTS / f"test_{name}.py")
    for path in places:
        if path.exists():
            raise PosterityError(f"{path} exists; choose another name or delete it")
    texts = (_renamed(code, name, cls), _SETTINGS.format(name=name), _renamed(tests, name, cls))
    return dict(zip(places, texts, strict=True))


def _renamed(text: str, name: str, cls: str) -> str:
    text = text.removeprefix("# mypy: ignore-errors\n").replace(
        "posterity.commands.template.sampler", f"posterity.samplers.{name}"
    )
    return re.sub(r"\bTemplate\b", cls, text).replace('"template"', f'"{name}"')


def _write_schema(into: Path, written: list[Path]) -> None:
    """Return the generated list of settings, from the code in ``into``, which need not be the code that runs here."""
    source = f"import sys; sys.path.insert(0, {str((into / 'src').resolve())!r}); from posterity.cli import app; app()"
    done = subprocess.run([sys.executable, "-c", source, "schema", "--write"], capture_output=True, text=True)
    if done.returncode != 0:
        for path in written:
            path.unlink()
        lines = done.stderr.strip().splitlines()
        raise PosterityError(f"the settings of the samplers in {into} cannot be read: {lines[-1] if lines else '?'}")
