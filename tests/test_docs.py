"""Every command and program that a document prints is run; what takes long is run dry."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Block:
    page: Path
    language: str
    text: str
    run: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.splitlines()[0][:40]}"


def blocks(language: str) -> list[Block]:
    pattern = re.compile(rf"^(<!-- run -->\n)?```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [Block(page, language, text, bool(run)) for page in PAGES for run, text in pattern.findall(page.read_text())]


def commands() -> list[str]:
    return sorted({line for block in blocks("sh") for line in block.text.splitlines() if line and line[0] != "#"})


@pytest.mark.parametrize("command", commands())
def test_commands_work(command: str, tmp_path: Path) -> None:
    """make and snakemake dry, everything else for real; the environment is this one."""
    words = shlex.split(command)
    if words[0] == "make":
        # what a target would do must be known; CI runs the targets themselves
        words = ["make", "-n", *words[1:]]
    elif words[0] == ".venv/bin/snakemake":
        words = [str(BIN / "snakemake"), *words[1:], *([] if {"-n", "--unlock"} & set(words) else ["-n"])]
    else:
        assert words[0].startswith(".venv/bin/"), f"a document prints {command!r}, which no test can run"
        words = [str(BIN / Path(words[0]).name), *(word for word in words[1:] if word != "--write")]
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("block", [b for b in blocks("python") if b.run], ids=str)
def test_programs_run(block: Block, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(block.text)
    command = [sys.executable, str(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("block", [b for b in blocks("python") if not b.run], ids=str)
def test_other_programs_at_least_import(block: Block) -> None:
    """Programs on results that are not there: what they import exists."""
    imports = "\n".join(line for line in block.text.splitlines() if re.match(r"(from|import) ", line))
    assert imports
    subprocess.run([sys.executable, "-c", imports], check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_site_builds_with_every_table_filled(tmp_path: Path) -> None:
    command = [str(BIN / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(tmp_path).as_posix(): page.read_text() for page in tmp_path.rglob("index.html")}
    assert not [name for name, text in pages.items() if "reference: " in text]
    for method in ("ddrm", "ddnm", "dps", "repaint"):
        assert f'id="{method}"' in pages["samplers/index.html"]


def test_the_benchmark_prints_its_ratios() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert all(name in done.stdout for name in ("ddrm", "ddnm", "dps", "repaint", "ratio"))
