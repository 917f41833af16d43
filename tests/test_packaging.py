"""What is declared, what is pinned, what is installed and what is imported are one thing."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text()

# Where the name of an import is not the name of the package.
PACKAGES = {"PIL": "pillow", "ot": "pot", "resvg_py": "resvg-py", "sklearn": "scikit-learn", "yaml": "pyyaml"}
OPTIONAL = {"spandrel-extra-arches"}
"""Not for every use: MAT's licence is for research only, so people install it themselves, as its refusal says."""
PLUGINS = {"snakemake-executor-plugin-slurm"}
"""Found by Snakemake through their names."""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pins_tool = _load(ROOT / "tools" / "pins.py")
PINS = pins_tool.pins(REQUIREMENTS)


def everything_declared() -> list[Requirement]:
    return [Requirement(r) for r in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]


@pytest.mark.parametrize("requirement", everything_declared(), ids=str)
def test_declared_packages_are_pinned_and_installed(requirement: Requirement) -> None:
    pinned = PINS[pins_tool.normalised(requirement.name)]
    assert requirement.specifier.contains(pinned)
    assert metadata.version(requirement.name) == pinned


def test_pins_have_hashes_and_no_addresses() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", REQUIREMENTS)
    entries = re.sub(r"\\\n", " ", REQUIREMENTS).splitlines()
    entries = [entry for entry in entries if entry.strip() and not entry.lstrip().startswith("#")]
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+ *$", entry), entry[:80]


def test_conda_environments_have_the_same_pins() -> None:
    for path, content in pins_tool.environments(ROOT).items():
        assert path.read_text() == content, f"{path.name} is out of date: make lock"
        assert yaml.safe_load(content)["dependencies"]


def imported() -> set[str]:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    ours = set(sys.stdlib_module_names) | {"posterity"}
    return {pins_tool.normalised(PACKAGES.get(name, name)) for name in found - ours}


def test_imports_are_declared_and_declared_packages_are_used() -> None:
    declared = {pins_tool.normalised(r) for r in PROJECT["dependencies"]}
    assert imported() - declared == OPTIONAL
    assert declared - imported() == PLUGINS


def test_one_version_everywhere() -> None:
    import posterity

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    latest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert latest
    versions = {
        PROJECT["version"],
        posterity.__version__,
        citation["version"],
        latest[1],
        metadata.version("posterity"),
    }
    assert len(versions) == 1, versions


def test_the_package_carries_its_data(tmp_path: Path) -> None:
    """A wheel built from a copy holds every file of src/ that is not bytecode."""
    copy = tmp_path / "copy"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=ignore)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        tmp_path,
        copy,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("posterity/")}
    source = [path.relative_to(copy / "src") for path in (copy / "src" / "posterity").rglob("*") if path.is_file()]
    assert packed == {path.as_posix() for path in source}


class TestMakefile:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "tools").mkdir()
        for name in ("Makefile", "requirements.txt", "pyproject.toml", "tools/uv.txt"):
            shutil.copy(ROOT / name, tmp_path / name)
        return tmp_path

    def make(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        # as in a shell of its own, also when `make test` runs the tests: a make inside a make says where it is
        alone = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False, env=alone)

    def test_an_old_python_is_told_in_one_line(self, folder: Path) -> None:
        old = folder / "old-python"
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" || exit 1\n')
        old.chmod(0o755)
        done = self.make(folder, "env", f"PYTHON={old}")
        assert done.returncode != 0
        assert (
            done.stdout == f"posterity needs Python 3.11 to 3.14, {old} is Python 3.9.2; try: make PYTHON=python3.12\n"
        )
        assert not (folder / ".venv").exists()

    def test_a_missing_python_is_told_in_one_line(self, folder: Path) -> None:
        done = self.make(folder, "env", "PYTHON=no-such-python")
        assert done.returncode != 0
        assert done.stdout.startswith("posterity needs Python 3.11 to 3.14, no-such-python is ")
        assert done.stdout.count("\n") == 1

    def test_a_second_make_installs_nothing(self, folder: Path) -> None:
        (folder / ".venv").mkdir()
        assert "pip install" in self.make(folder, "-n", "env").stdout
        (folder / ".venv" / "ready").touch()
        assert "pip install" not in self.make(folder, "-n", "env").stdout

    def test_new_pins_install_again(self, folder: Path) -> None:
        (folder / ".venv").mkdir()
        (folder / ".venv" / "ready").touch()
        later = (folder / ".venv" / "ready").stat().st_mtime + 10
        os.utime(folder / "requirements.txt", (later, later))
        assert "--require-hashes" in self.make(folder, "-n", "env").stdout

    def installing(self, folder: Path, **fails: str) -> list[str]:
        """Return the calls of pip and uv when calls with a word of ``fails`` fail."""
        bin = folder / ".venv" / "bin"
        bin.mkdir(parents=True)
        for name in ("pip", "uv"):
            bad = f'case "$*" in *{fails[name]}*) exit 1;; esac\n' if name in fails else ""
            (bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/asked"\n{bad}')
            (bin / name).chmod(0o755)
        done = self.make(folder, "env")
        assert done.returncode == 0, done.stdout + done.stderr
        assert not (folder / ".venv" / "uv").exists()
        return (folder / "asked").read_text().splitlines()

    def test_uv_installs_what_is_pinned_and_pip_only_uv(self, folder: Path) -> None:
        asked = self.installing(folder)
        assert [line.split()[0] for line in asked] == ["pip", "uv", "pip"]
        assert "--require-hashes -r tools/uv.txt" in asked[0] and "--require-hashes -r requirements.txt" in asked[1]
        assert asked[2].endswith("-e .") and "--no-deps" in asked[2]

    @pytest.mark.parametrize("fails", [{"pip": "uv.txt"}, {"uv": "requirements.txt"}])
    def test_pip_installs_it_where_uv_cannot(self, folder: Path, fails: dict[str, str]) -> None:
        asked = self.installing(folder, **fails)
        assert asked[-2] == "pip install --require-hashes -r requirements.txt" and asked[-1].endswith("-e .")

    def test_what_installs_is_pinned_with_hashes_too(self) -> None:
        text = (ROOT / "tools" / "uv.txt").read_text()
        assert re.findall(r"^(\w+)==", text, re.MULTILINE) == ["uv"] and "://" not in text
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) > 10

    def test_slurm_is_installed_for_who_asks_for_it(self, folder: Path) -> None:
        """By the packages that the refusal names, where there is nobody to install them."""
        (folder / ".venv").mkdir()
        (folder / ".venv" / "ready").touch()
        told = self.make(folder, "-n", "test-slurm").stdout
        (packages,) = re.findall(r"apt-get install -y .* --no-install-recommends ([\w -]+);", told)
        assert f"apt-get install {packages}" in (ROOT / "tests" / "slurm" / "slurm_cluster.py").read_text()
