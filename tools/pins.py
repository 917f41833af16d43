"""Writes the conda environments from pyproject.toml (which packages) and requirements.txt (which versions)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

_ENVIRONMENT = """\
# The whole project for conda users: conda env create -f environment.yml. Made by `make lock`.
name: posterity
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.12
  - pip
  - pip:
      - -e .
"""

_RULES = """\
# The environment of the rules, for `snakemake --sdm conda`. Made by `make lock`.
# Without that flag, rules run in the environment that Snakemake itself runs in.
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def normalised(requirement: str) -> str:
    """Return the bare package name of a requirement, normalised as in package indexes."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Return {package name: pinned version} from the text of requirements.txt."""
    return {normalised(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def environments(root: Path = ROOT) -> dict[Path, str]:
    """Return {generated file: its content}."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    version = pins((root / "requirements.txt").read_text())

    def lines(requirements: list[str]) -> str:
        names = sorted(normalised(requirement) for requirement in requirements)
        return "".join(f"      - {name}=={version[name]}\n" for name in names)

    library, tools = project["dependencies"], project["optional-dependencies"]["dev"]
    return {
        root / "environment.yml": _ENVIRONMENT + lines([*library, *tools]),
        root / "workflow" / "envs" / "posterity.yaml": _RULES + lines(library),
    }


if __name__ == "__main__":
    for path, content in environments().items():
        path.write_text(content)
