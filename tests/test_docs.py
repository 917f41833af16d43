"""Every command and program that a document prints is run; what takes long is run dry."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from posterity import configuration
from posterity.artifacts import store
from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.priors.kernel import Kernel
from posterity.samplers.base import Problem
from posterity.stages import study
from posterity.study.practice import face
from posterity.study.served.desk import Desk
from posterity.study.served.terms import parse
from posterity.wrappers.base import Wrapped
from posterity.wrappers.diversity import Diversity

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


OWN = ROOT / "docs" / "own-pictures.md"
"""Its commands build on one another."""


STUDY = ROOT / "docs" / "study.md"
"""Its commands are about a study that is served, and answered in between."""


def commands() -> list[str]:
    """Return each command once: with "-n" and without are the same, since snakemake is run dry.

    One that reads what the line before it in its block wrote comes with that line.
    """
    found, led = set(), set()
    for block in (block for block in blocks("sh") if block.page not in (OWN, STUDY)):
        before = ""
        for line in map(dry, lines(block)):
            found.add(f"{before}\n{line}" if " --from " in line else line)
            led |= {before} if " --from " in line else set()
            before = line
    return sorted(found - led)


def dry(line: str) -> str:
    """Return a call of snakemake with "-n" at its end, any other command as it is."""
    words = line.split()
    if words[0] != ".venv/bin/snakemake" or "--unlock" in words:
        return line
    return " ".join([*(word for word in words if word != "-n"), "-n"])


def lines(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line and line[0] != "#"]


@pytest.mark.slow
@pytest.mark.parametrize("text", commands())
def test_commands_work(text: str, tmp_path: Path) -> None:
    """make and snakemake dry, everything else for real; the environment is this one."""
    for command in text.splitlines():
        works(command, tmp_path)


def works(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        # what a target would do must be known; CI runs the targets themselves
        words = ["make", "-n", *words[1:]]
    elif words[0] == ".venv/bin/snakemake":
        words = [str(BIN / "snakemake"), *words[1:]]
    else:
        assert words[0].startswith(".venv/bin/"), f"a document prints {command!r}, which no test can run"
        words = [str(BIN / Path(words[0]).name), *(word for word in words[1:] if word != "--write")]
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "SNAKEMAKE_OUTPUT_CACHE": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_ones_own_pictures_become_an_experiment(tmp_path: Path) -> None:
    """The page's commands in their order, in a copy of the repository with the page's folder; snakemake dry."""
    for name in ("Snakefile", "config", "profiles", "resources", "rules", "workflow"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    folder = tmp_path / "pictures" / "holiday"
    (folder / "masks").mkdir(parents=True)
    for number in range(6):
        picture = Image.new("RGB", (90, 70), (40 * number, 100, 200))
        picture.paste((0, 0, 0), (20, 20, 50 + number, 40))
        picture.save(folder / f"{number}.jpg")
        mask = Image.new("L", picture.size)
        mask.paste(255, (30, 10, 60, 50))
        mask.save(folder / "masks" / f"{number}.png")
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    said = []
    for command in (line for block in blocks("sh") if block.page == OWN for line in lines(block)):
        program, *words = shlex.split(command.removeprefix(".venv/bin/"))
        words += ["-n"] if program == "snakemake" else []
        run = [str(BIN / program), *words]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, command + done.stdout[-2000:] + done.stderr[-2000:]
        said.append(done.stdout)
    assert "snakemake --configfile config/config.yaml config/experiments/holiday.yaml" in said[0]
    assert "configuration: valid" in said[1] and "sampler=ddnm_guided" in said[2] and "task=inpaint_own" in said[2]


@pytest.mark.slow
def test_a_study_is_served_and_analysed(tmp_path: Path) -> None:
    """The page's commands in their order, on a small study of that name; two people answer while it is served."""
    folder = tmp_path / "results" / "study" / "diversity"
    package_study(folder)
    for command in (line for block in blocks("sh") if block.page == STUDY for line in lines(block)):
        words = [str(BIN / "posterity"), *shlex.split(command)[1:]]
        if words[1:3] == ["study", "serve"]:
            server = subprocess.Popen([*words, "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
            try:
                assert "/diversity/  answers: results/study/diversity/answers.sqlite" in str(server.stdout.readline())  # type: ignore[union-attr]
                answer_study(folder)
            finally:
                server.terminate()
                server.wait(30)
            continue
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, command + done.stdout[-2000:] + done.stderr[-2000:]
    rows = store.read(folder / "people.parquet", "tables").to_pylist()
    assert {row["table"]: row["count"] for row in rows} == {"paired_diversity": 8, "paired_diversity_effects": 8}
    assert (folder / "hit" / "hit.xml").is_file()


def package_study(folder: Path) -> None:
    """Make a study of four images."""
    run = {"dataset": "d", "task": "t", "prior": "p", "sampler": "ddnm"}
    drawn = [face(n % 5, n // 5) for n in range(10)]
    samples = [
        run | {"item": f"i{i}", "sample": s, "signal": {"bytes": one}} for i in range(4) for s, one in enumerate(drawn)
    ]
    sets = [run | {"item": f"i{i}", "subset": name, "rank": r, "sample": r + first}
            for i in range(4) for name, first in (("random", 0), ("fps", 5)) for r in range(5)]  # fmt: skip
    about = {"settings": {"sampler": {"name": "ddnm", "method": "ddnm", "settings": {}, "wrap": []}}}
    store.write(folder / "samples.parquet", "samples", samples, about)
    store.write(folder / "subsets.parquet", "subsets", sets, {})
    settings = {"experiment": "diversity", "comparisons": [{"study": "paired_diversity", "approach": "fps"}]}
    inputs = [folder / "samples.parquet", folder / "subsets.parquet"]
    study.run(settings, inputs=inputs, output=folder / "questions.parquet", assets=folder)


def answer_study(folder: Path) -> None:
    """Answer as two people, at a desk beside the server's on the same file."""
    desk = Desk(folder, parse({}))
    for number in (1, 2):
        key = {"key": f"{number:032x}"}
        begun = desk.begin(key | {"participant": f"P{number}", "consent": True, "design": desk.design})
        checks = desk.book.find(f"p{number}").checks  # type: ignore[union-attr]
        for n, question in enumerate(begun["asked"]):
            answer = checks.get(question, ("left", "right")[(n + number) % 2])
            desk.answer(key | {"question": question, "answer": answer, "milliseconds": 900})
        desk.finish(key)
    desk.book.close()


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


@pytest.mark.parametrize("block", [b for b in blocks("yaml") if "runs:" in b.text], ids=str)
def test_experiments_are_valid(block: Block, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "config" / "experiments" / "printed.yaml").write_text(block.text)
    (tmp_path / "config" / "config.yaml").write_text("experiments: [printed]")
    plan = configuration.resolve(
        {"experiments": ["printed"]}, tmp_path / "config", assets=ROOT / "resources/assets.yaml"
    )
    assert plan.keys("sample")


def test_the_example_sampler_restores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's program with the page's configuration, on a mask whose known pixels it must keep."""
    page = ROOT / "docs" / "writing-a-sampler.md"
    (program,) = (block for block in blocks("python") if block.page == page)
    (config,) = (yaml.safe_load(block.text) for block in blocks("yaml") if block.page == page)
    (tmp_path / "overwrite.py").write_text(program.text)
    monkeypatch.syspath_prepend(tmp_path)
    sampler = import_module(config["method"]).Overwrite(**config["settings"])

    images = torch.rand(10, 3, 8, 8, dtype=torch.float64) * 2 - 1
    keep = torch.ones(1, 1, 8, 8)
    keep[..., 4:] = 0
    operator = build({"operator": "inpaint"}, (3, 8, 8), {"keep": keep})
    y = operator(images[:4])
    problem = Problem(Kernel(images, torch.ones(10), 0.1), operator, y, 0.0, torch.arange(4))
    guided = Wrapped(sampler, (Diversity(config["guided"]["eta"]),))
    drawn = guided.sample(problem, Noise(0, list("abcd"), [0] * 4))
    torch.testing.assert_close(operator(drawn.x), y)
    assert drawn.cost.forwards == config["settings"]["steps"]


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


@pytest.mark.slow
def test_the_benchmarks_print_their_figures() -> None:
    command = [sys.executable, "-m", "benchmarks", "own", "kernel", "throughput", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert all(
        name in done.stdout for name in ("ddrm", "ddnm", "dps", "repaint", "azula", "deepinv", "ratio", "bare rows/s")
    )
