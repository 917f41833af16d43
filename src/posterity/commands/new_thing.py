"""Starts a sampler, operator, prior, dataset, metric, table, figure or wrapper: writes its code and configuration."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from posterity.errors import PosterityError

__all__ = ["KINDS", "begin", "command"]

Name = Annotated[str, typer.Argument(help="Name of the file: lower-case letters, digits and '_'.")]
Into = Annotated[Path, typer.Option(metavar="FOLDER", help="The repository.")]


@dataclass(frozen=True)
class _Kind:
    """Files to write for one kind of thing.

    Arguments:
        package: package of the code, below ``posterity``.
        config: the YAML file, below config/; "" for things that only experiments name.
        text: content of the YAML file.
        then: next steps, for the terminal.
        tests: whether tests are written too.
    """

    package: str
    config: str
    text: str
    then: str
    tests: bool = False


_IN_EXPERIMENT = "  posterity check     after naming it under `{key}` in a file of config/experiments/\n"
KINDS: Mapping[str, _Kind] = {
    "sampler": _Kind(
        "samplers",
        "samplers/{name}.yaml",
        "# Defaults of {name}; add `overrides` for the settings that a paper gives for one prior and task.\n"
        "method: {name}\nsettings: {{steps: 100}}\nguided: {{eta: 0.3}}\n",
        "  posterity verify {name} --quick     its error against exact posteriors\n"
        "  pytest {tests}     the tests written for it\n"
        "  pytest tests/samplers/test_contract.py -k {name}     the contract of every sampler\n",
        tests=True,
    ),
    "operator": _Kind("operators.families", "tasks/{name}.yaml", "{name}: {{operator: {name}}}\n", ""),
    "prior": _Kind("priors.families", "priors/{name}.yaml", "{name}: {{kind: {name}}}\n", ""),
    "dataset": _Kind(
        "datasets",
        "datasets/{name}.yaml",
        "kind: {name}\npath: data/{name}\nsize: 32\nlicense: That of the files' owner\n",
        "",
    ),
    "wrapper": _Kind(
        "wrappers", "samplers/ddnm_{name}.yaml", "method: ddnm\nsettings: {{steps: 50}}\nwrap: [{{{name}: {{}}}}]\n", ""
    ),
    "metric": _Kind("metrics", "", "", _IN_EXPERIMENT.format(key="metrics")),
    "table": _Kind("tables", "", "", _IN_EXPERIMENT.format(key="tables")),
    "figure": _Kind("figures", "", "", _IN_EXPERIMENT.format(key="figures")),
}


def command(kind: str) -> Callable[[str, Path], None]:
    """Return the command that starts a thing of this kind."""

    def new(name: Name, into: Into = Path()) -> None:
        written = begin(kind, name, into)
        for path in written:
            typer.echo(str(path))
        then = KINDS[kind].then.format(name=name, tests=written[-1])
        schema = "After changing its settings: posterity schema --write\n" if KINDS[kind].config else ""
        where = f"To run it in an experiment, name {name} in a file of config/experiments/."
        typer.echo(f"\nIt works as it is. Edit {written[0]}, then\n{then}{schema}{where}")

    new.__doc__ = (
        f"Write a small working {kind} to edit{' and its YAML' if KINDS[kind].config else ''}"
        f"{', and its tests' if KINDS[kind].tests else ''}.\n\nExample: posterity new {kind} mine\n"
    )
    return new


def begin(kind: str, name: str, into: Path) -> list[Path]:
    """Write the files of a new thing and return them, its code first.

    Arguments:
        kind: a key of :data:`KINDS`.
        name: name of the thing and of its file.
        into: the repository.

    Raises:
        PosterityError: if the name is invalid or taken, or ``into`` is not the repository or its code does not run.
    """
    files = _files(kind, name, into)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    _write_schema(into, list(files))
    return list(files)


def _files(kind: str, name: str, into: Path) -> dict[Path, str]:
    """Return {path: text} after all checks have passed."""
    article = "an" if kind[0] in "aeiou" else "a"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise PosterityError(f"{article} {kind} cannot be called {name!r}; take lower-case letters, digits and '_'")
    about, template = KINDS[kind], Path(__file__).parent / "template"
    code = (template / f"{kind}.py").read_text(encoding="utf-8")
    cls = "".join(part.capitalize() for part in name.split("_"))
    registry = import_module(f"posterity.{about.package}").REGISTRY
    if name in registry.beside or re.search(rf"\b{cls}\b", code):
        raise PosterityError(
            f"{article} {kind} cannot be called {name!r}: the name {name} or {cls} means something else there"
        )
    here = f"posterity.{about.package}.{name}"
    texts = {
        into / "src" / "posterity" / Path(*about.package.split(".")) / f"{name}.py": _renamed(code, name, cls, here)
    }
    if about.config:
        texts[into / "config" / about.config.format(name=name)] = about.text.format(name=name)
    if about.tests:
        tests = (template / "contract.py").read_text(encoding="utf-8")
        texts[into / "tests" / about.package / f"test_{name}.py"] = _renamed(tests, name, cls, here)
    for path in texts:
        if not path.parent.is_dir():
            raise PosterityError(f"there is no {path.parent}; run this in the repository or give it with --into")
        if path.exists():
            raise PosterityError(f"{path} exists; choose another name or delete it")
    return texts


def _renamed(text: str, name: str, cls: str, here: str) -> str:
    text = text.removeprefix("# mypy: ignore-errors\n").replace("posterity.commands.template.sampler", here)
    return re.sub(r"\bTemplate\b", cls, text).replace('"template"', f'"{name}"')


def _write_schema(into: Path, written: list[Path]) -> None:
    """Write the generated schemas from the code in ``into``, which may differ from the code running here."""
    if not (into / "src" / "posterity" / "cli.py").exists():
        return
    source = f"import sys; sys.path.insert(0, {str((into / 'src').resolve())!r}); from posterity.cli import app; app()"
    done = subprocess.run([sys.executable, "-c", source, "schema", "--write"], capture_output=True, text=True)
    if done.returncode != 0:
        for path in written:
            path.unlink()
        lines = done.stderr.strip().splitlines()
        raise PosterityError(f"the settings of the things in {into} cannot be read: {lines[-1] if lines else '?'}")
