"""`posterity new sampler`: one file and one YAML entry, no edit elsewhere, and the sampler is everywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterity.cli import app

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RUN = CliRunner()
EXPERIMENT = """
title: Mine
runs:
  - {dataset: openmoji-smileys, tasks: [sr16], prior: kernel, samplers: [my_method, my_method_guided]}
metrics: [psnr]
"""
FOLDERS = ("src/posterity/samplers", "config/samplers", "tests/samplers")


@pytest.fixture
def tree(tmp_path):
    """A copy of the files that a sampler touches and of those that run it."""
    for name in ("src", "config", "rules", "profiles", "workflow", "resources", "Snakefile", "ruff.toml"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)
    (tmp_path / "tests/samplers").mkdir(parents=True)
    for name in ("tests/conftest.py", "tests/samplers/conftest.py", "tests/samplers/test_contract.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(tree, *command):
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_one_file_and_one_entry_make_a_sampler(tree):
    before = {p for p in tree.rglob("*") if p.is_file()}
    told = run(tree, "posterity", "new", "sampler", "my_method")
    written = {p.relative_to(tree).as_posix() for p in tree.rglob("*.*") if p not in before and p.suffix != ".pyc"}
    assert written == {
        "src/posterity/samplers/my_method.py", "config/samplers/my_method.yaml", "tests/samplers/test_my_method.py",
    }  # fmt: skip
    assert all(word in told for word in (*written, "posterity verify my_method --quick"))

    passed = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/samplers", "-k", "my_method")
    assert "failed" not in passed and int(passed.split(" passed")[0].split()[-1]) >= 8
    run(tree, "ruff", "check", *sorted(w for w in written if w.endswith(".py")))
    run(tree, "ruff", "format", "--check", *sorted(w for w in written if w.endswith(".py")))

    (tree / "config/experiments/mine.yaml").write_text(EXPERIMENT)
    (tree / "mine.yaml").write_text("experiments: [mine]\n")
    planned = run(tree, "snakemake", "-n", "--configfile", "config/config.yaml", "mine.yaml")
    assert "sampler=my_method\n" in planned and "sampler=my_method_guided\n" in planned

    table = run(tree, "posterity", "verify", "my_method", "--quick", "--prior", "mixture", "--task", "inpaint")
    row = next(line.split() for line in table.splitlines() if line.strip().startswith("my_method"))
    assert row[:2] in (["my_method", "open"], ["my_method", "approximate"]) and "20" in row


@pytest.fixture
def folders(tmp_path):
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("My", "a sampler cannot be called 'My'; take lower-case letters, digits and '_'"),
        ("2d", "a sampler cannot be called '2d'"),
        ("my-method", "a sampler cannot be called 'my-method'"),
        ("../x", "a sampler cannot be called '../x'"),
        ("lambda", "a sampler cannot be called 'lambda'"),
        ("base", "a sampler cannot be called 'base'"),
        ("problem", "a sampler cannot be called 'problem'"),
        ("level", "a sampler cannot be called 'level'"),
        ("noise", "a sampler cannot be called 'noise'"),
        ("taken", "taken.yaml exists; choose another name or delete it"),
    ],
)
def test_names_that_cannot_be(folders, name, told):
    (folders / "config/samplers/taken.yaml").write_text("method: ddnm\n")
    done = RUN.invoke(app, ["new", "sampler", name, "--into", str(folders)])
    assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) == 1
    assert told in done.stderr
    assert [p.name for p in folders.rglob("*") if p.is_file()] == ["taken.yaml"]


def test_a_folder_that_is_not_the_repository(tmp_path):
    done = RUN.invoke(app, ["new", "sampler", "mine", "--into", str(tmp_path)])
    assert done.exit_code == 2 and "samplers; run this in the repository or give it with --into" in done.stderr


def test_a_tree_that_does_not_run_is_left_as_it_was(folders):
    package = folders / "src/posterity"
    (package / "__init__.py").touch()
    (package / "cli.py").write_text("raise SystemExit('broken')\n")
    done = RUN.invoke(app, ["new", "sampler", "mine", "--into", str(folders)])
    assert done.exit_code == 2 and done.stderr.strip().endswith("cannot be read: broken")
    assert not list(folders.rglob("*mine*"))
