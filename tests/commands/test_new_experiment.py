"""`posterity new experiment`: from a folder of pictures to an experiment that can run."""

import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from posterity.cli import app
from posterity.configuration import load, resolve

ROOT = Path(__file__).parents[2]
RUN = CliRunner()


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of what the command reads, with four pictures, as the current folder."""
    for name in ("config", "resources"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for number in range(4):
        picture(tmp_path / "pictures" / f"p{number}.png", number)
    picture(tmp_path / "one" / "p.png", 0)
    for name, side in (("seen", "prior"), ("unseen", "test")):
        for number in range(2):
            picture(tmp_path / name / f"p{number}.png", number)
        (tmp_path / name / "labels.csv").write_text(f"item,split\np0,{side}\np1,{side}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(path, number, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(number).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).convert(mode).save(buffer, format="PNG")
    path.write_bytes(buffer.getvalue())


def began(*words):
    return RUN.invoke(app, ["new", "experiment", *map(str, words)])


def planned(name):
    files = [Path("config/config.yaml"), Path(f"config/experiments/{name}.yaml")]
    return resolve(load(files))


def runs(plan):
    """(task, prior) and samplers; the configuration plans other experiments beside it, on request."""
    own = [key for key in plan.keys("sample") if key[0] == "mine"]
    return {key[1:3] for key in own}, {key[3] for key in own}


def test_a_folder_becomes_an_experiment(tree):
    done = began("mine", "--folder", "pictures")
    assert done.exit_code == 0, done.stderr
    files = "config/config.yaml config/experiments/mine.yaml"
    assert f"  posterity check {files}\n  snakemake --configfile {files}\n" in done.stdout
    assert yaml.safe_load(Path("config/datasets/mine.yaml").read_text())["path"] == "pictures"
    plan = planned("mine")
    assert plan.experiments == ["mine"] and plan.sources["mine"] == "pictures"
    places, samplers = runs(plan)
    text = yaml.safe_load(Path("config/experiments/mine.yaml").read_text())
    assert text["title"] == "mine: few pixels, what can it be?" and text["figures"][:2] == ["answers", "error_cost"]
    assert (
        places == {("sr16_noisy", "kernel_unseen")}
        and {"exact", "exact_again", "ddnm", "ddnm_guided", "dps"} <= samplers
    )
    assert plan.job("prepare", "mine").settings == {"dataset": "mine", "kind": "folder", "size": 64}
    assert plan.has("explorer", "mine")


@pytest.mark.parametrize(
    ("prior", "tests", "said"),
    [
        (
            "kernel_unseen",
            1,
            "knows 3 of the 4 pictures and their mirror images. The other one is restored. It answers",
        ),
        ("kernel_unseen", 3, "knows 1 of the 4 pictures and their mirror images. The other 3 are restored. It answers"),
        ("kernel", 1, "knows all 4 pictures, including the restored ones, so these are among its answers"),
        ("gaussian_unseen", 1, "knows 3 of the 4 pictures. The other one is restored.\n"),
        ("openmoji64", 1, ""),
    ],
)
def test_what_the_prior_knows_is_said_and_written(tree, prior, tests, said):
    lines = [f"p{k},{'test' if k < tests else 'prior'}\n" for k in range(4)]
    (tree / "pictures" / "labels.csv").write_text("item,split\n" + "".join(lines))
    done = began("mine", "--folder", "pictures", "--prior", prior)
    assert done.exit_code == 0 and said in done.stdout, done.output
    text = Path("config/experiments/mine.yaml").read_text()
    comments = [line.strip() for line in text.splitlines() if line.startswith("    #")]
    assert said.strip() in " ".join(one.removeprefix("# ") for one in comments) and bool(comments) == bool(said)
    assert ("explorer:" in text) == (prior == "kernel_unseen"), "of pictures that the prior does not know"
    assert max(map(len, text.splitlines())) <= 120


def test_more_test_pictures_than_are_restored_at_first_and_more_pictures_than_a_page_holds(tree):
    for number in range(4, 40):
        picture(tree / "pictures" / f"p{number}.png", number)
    done = began("mine", "--folder", "pictures", "--size", "512")
    assert re.search(r"Of the other \d+, 4 are restored at first\.", done.stdout), done.output
    assert "explorer:" not in Path("config/experiments/mine.yaml").read_text()


def test_masks_make_the_task_and_a_network_the_size(tree):
    for number in range(4):
        mask = Image.new("L", (30, 20))
        mask.paste(255, (8, 4, 18, 12))
        Path("pictures/masks").mkdir(exist_ok=True)
        mask.save(f"pictures/masks/p{number}.png")
    folder = Path("pictures").resolve()
    assert began("mine", "--folder", folder, "--prior", "openmoji32").exit_code == 0
    plan = planned("mine")
    places, samplers = runs(plan)
    assert places == {("inpaint_own", "openmoji32")} and not {"exact", "exact_again"} & samplers
    assert plan.job("prepare", "mine").settings["size"] == 32


def test_a_folder_elsewhere_is_named_whole(tree):
    elsewhere = tree.parent / f"{tree.name} elsewhere"
    shutil.move("pictures", elsewhere)
    done = began("mine", "--folder", os.path.relpath(elsewhere))
    assert done.exit_code == 0, done.stderr
    assert yaml.safe_load(Path("config/datasets/mine.yaml").read_text())["path"] == str(elsewhere.resolve())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Mine", "--folder", "pictures"), "an experiment cannot be called 'Mine'; take lower-case letters"),
        (("../mine", "--folder", "pictures"), "an experiment cannot be called '../mine'"),
        (("ci", "--folder", "pictures"), "config/experiments/ci.yaml exists; choose another name or delete it"),
        (("photos", "--folder", "pictures"), "config/datasets/photos.yaml exists; choose another name or delete it"),
        (("all", "--folder", "pictures"), "experiments.all: 'all' is a rule for snakemake"),
        (("mine", "--folder", "picures"), "--folder picures does not exist"),
        (("mine", "--folder", "config"), "config holds no picture (one ends in .bmp, "),
        (
            ("mine", "--folder", "pictures", "--prior", "kernle"),
            "prior 'kernle' does not exist; choose one of blocks, ",
        ),
        (("mine", "--folder", "pictures", "--size", "40"), "factor 16 must divide the sides"),
        (
            ("mine", "--folder", "pictures", "--prior", "ecg_network"),
            "its card is for signals of shape [8, 256], not for images of dataset 'mine'",
        ),
        (("mine", "--folder", "one"), "no picture is left for the prior: the only picture is in the split 'test'"),
        (("mine", "--folder", "seen"), "labels.csv puts all 2 pictures into the split 'prior'; at least one must be"),
        (
            ("mine", "--folder", "unseen"),
            "all 2 pictures are in the split 'test', which is restored; add pictures, or ",
        ),
    ],
)
def test_what_cannot_be_begun_leaves_nothing(tree, words, told):
    before = sorted(tree.rglob("*"))
    done = began(*words)
    assert done.exit_code == 2 and told in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert sorted(tree.rglob("*")) == before


def test_outside_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = began("mine", "--folder", ".")
    assert done.exit_code == 2 and done.stderr == "there is no config/config.yaml; run this in the repository\n"


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [
        ("a" * 300, "pictures", "has 100 letters at most"), ("mine", "~no_such_person/x", "no such home folder"),
        ("mine", "a" * 5000, "cannot be used (File name too long)"), ("mine", "text", "is not a readable image"),
        ("mine", "small-mask", "masks/p.png has 20x30 pixels"), ("mine", "/dev/null", "is neither a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_experiment_is_one_line_and_leaves_nothing(tree, name, folder, said):
    (tree / "text").mkdir()
    (tree / "text" / "p.png").write_text("no picture")
    picture(tree / "small-mask" / "p.png", 0)
    picture(tree / "small-mask" / "masks" / "p.png", 1)
    Image.open(tree / "small-mask" / "masks" / "p.png").transpose(Image.Transpose.ROTATE_90).save(
        tree / "small-mask" / "masks" / "p.png"
    )
    done = began(name, "--folder", folder)
    assert done.exit_code == 2 and said in done.stderr and "Traceback" not in done.output, done.output
    assert len([line for line in done.stderr.splitlines() if "left out" not in line]) == 1
    assert not list(Path("config").rglob(f"{name:.20}*"))
