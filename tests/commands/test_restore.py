"""`posterity restore PICTURE`: a folder with everything in it, or one line and nothing."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from posterity.cli import app

RUN = CliRunner()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A 40x30 photograph with a rotating EXIF tag, a mask of its upright size, and a folder of pictures."""
    rng = np.random.default_rng(0)
    for number in range(6):
        levels = np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((5, 5, 1))).astype(np.uint8)
        Image.fromarray(levels).save(tmp_path / f"{number}.png")
    (tmp_path / "known").mkdir()
    for number in range(6):
        (tmp_path / f"{number}.png").rename(tmp_path / "known" / f"{number}.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(tmp_path / "known" / "0.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "me.png", exif=exif)
    mask = np.zeros((30, 40), np.uint8)
    mask[15:, 5:35] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(mask[:, :20]).save(tmp_path / "small.png")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "tiny.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "me.png").read_bytes()[:90])
    monkeypatch.chdir(tmp_path)
    return tmp_path


KERNEL = ("--prior", "kernel", "--images", "known", "--size", "16")


def restored(*words):
    done = RUN.invoke(app, ["restore", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_folder_with_pictures_and_a_page(here, caplog):
    words = ("me.png", "--mask", "mask.png", *KERNEL, "--n", 3, "--pool", 8, "--guidance", 0.5, "--output", "out")
    done = restored(*words)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "out/index.html\n"
    assert "me: the square in the middle of 40x30 pixels, resized to 16x16, the size of the prior's" in caplog.text
    told = json.loads(Path("out/settings.json").read_text())
    samples = {f"sample_{number}.png" for number in told["shown"]}
    assert len(samples) == 3 and told["samples"] == 8
    others = {"measured.png", "mean.png", "uncertainty.png", "sheet.png", "index.html", "settings.json"}
    assert {path.name for path in Path("out").iterdir()} == samples | others
    page = Path("out/index.html").read_text()
    assert "stripes: hidden" in page and "kernel knows only the pictures that it was made from" in page
    for word in (
        "3 plausible answers",
        "chosen to differ",
        "8 samples",
        "guidance=",
        "diversity (",
        "po.restore(",
    ):
        assert word in page
    assert page.count("data:image/png;base64,") == 6 and "http" not in page
    # upright, as the picture was before it was turned
    seen = np.array(Image.open("out/measured.png"))
    whole = ImageOps.fit(Image.open("known/0.png"), (16, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(seen[:8], np.array(whole)[:8])
    before = {path: Path("out", path).read_bytes() for path in samples}
    command = shlex.split(told["command"])
    assert command[:3] == ["posterity", "restore", "me.png"]
    caplog.set_level("INFO")
    again = RUN.invoke(app, command[1:])
    assert "out: what an earlier run wrote there will be replaced; --output FOLDER keeps both" in caplog.text
    assert again.exit_code == 0 and {path: Path("out", path).read_bytes() for path in samples} == before
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_the_page_says_how_many_of_the_priors_pictures_fit_with_their_exact_probabilities(here):
    """Pictures that differ only where the mask hides them are equally probable; of different ones one fits."""
    Path("alike").mkdir()
    seen = np.array(Image.open("known/0.png"))
    for number in range(6):
        seen[20:, 10:30] = 40 * number
        Image.fromarray(seen).save(f"alike/{number}.png")

    def fits(images):
        given = ("--prior", "kernel", "--images", images, "--size", 16, "--sampler", "exact", "--n", 1, "--pool", 1)
        assert restored("me.png", "--mask", "mask.png", *given).exit_code == 0
        page = " ".join(Path("restored/me/index.html").read_text().split())
        return json.loads(Path("restored/me/settings.json").read_text())["fits"], page

    found, page = fits("known")
    assert found == pytest.approx([1.0])
    assert "One of them fits what was measured, with an exact probability of over 99.9 %." in page
    found, page = fits("alike")
    assert found == pytest.approx([1 / 6] * 6)
    assert "6 of them fit what was measured; the first 5 have exact probabilities of 17 %, 17 %, 17 %" in page


def test_the_program_on_the_page_draws_the_same(here):
    words = ("me.png", "--mask", "mask.png", *KERNEL, "--n", 2, "--pool", 4, "--coupled", "--seed", 5)
    assert restored(*words).exit_code == 0
    told = json.loads(Path("restored/me/settings.json").read_text())
    page = Path("restored/me/index.html").read_text()
    program = page[page.index("import posterity as po") :].partition("</pre>")[0].replace("&#39;", "'")
    assert "po.prior('kernel', images='known', size=16)" in program
    scope = {}
    exec(program.rpartition("\n")[0], scope)
    scope["few"] = scope["pool"].subset("fps", 2)
    from posterity.artifacts import images

    for number, x in zip(scope["few"].numbers, scope["few"].samples, strict=True):
        assert Path(f"restored/me/sample_{number}.png").read_bytes() == images.encode(x)["bytes"]
    assert list(scope["few"].numbers) == told["shown"]


def test_a_task_degrades_the_picture_first_or_is_what_was_measured(here):
    words = ("--task", "sr4", *KERNEL, "--n", 2, "--pool", 2)
    assert restored("me.png", *words, "--output", "whole").exit_code == 0
    assert Path("whole/original.png").is_file() and "the original" in Path("whole/index.html").read_text()
    assert restored("tiny.png", *words, "--measured", "--output", "tiny").exit_code == 0
    assert not Path("tiny/original.png").exists() and Image.open("tiny/mean.png").size == (16, 16)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("absent.png", "--mask", "mask.png"), "absent.png is not a file"),
        (("me.png", "--mask", "absent.png"), "absent.png is not a file"),
        (("broken.png", "--mask", "mask.png"), "broken.png is not a readable image"),
        (("me.png", "--mask", "small.png"), "mask small.png has 20x30 pixels, me has 40x30; a mask has the size"),
        (("me.png",), "give --mask FILE or --task NAME"),
        (("me.png", "--mask", "mask.png", "--task", "sr4"), "give --mask FILE or --task NAME"),
        (("me.png", "--mask", "mask.png", "--measured"), "--measured needs --task"),
        (("me.png", "--task", "sr5"), "task 'sr5' does not exist; did you mean 'sr4'"),
        (
            ("me.png", "--task", "inpaint_face"),
            "task inpaint_face hides regions that only a data set defines; give a mask",
        ),
        (
            ("me.png", "--task", "sr4", "--measured"),
            "maps a signal of shape (3, 16, 16) to (3, 4, 4)",
        ),
        (("me.png", "--task", "jpeg2"), "sampler ddnm: needs a pseudo-inverse and a singular value decomposition"),
        (("me.png", "--mask", "mask.png", "--sampler", "dnm"), "sampler 'dnm' does not exist; did you mean 'ddnm'"),
        (("me.png", "--mask", "mask.png", "--subset", "best"), "--subset 'best' does not exist; choose one of fps"),
        (("me.png", "--mask", "mask.png", "--n", "9"), "--n 9 is more than --pool 4"),
        (("me.png", "--mask", "mask.png", "--output", "known"), "known exists and holds something else"),
        (("me.png", "--mask", "mask.png", "--output", "me.png/x"), "me.png/x cannot be a folder, since "),
        (("me.png", "--mask", "mask.png", "--sampler", "DDNM"), "'DDNM' does not exist; did you mean 'ddnm'"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(here, words, told):
    before = sorted(path for path in here.rglob("*"))
    done = restored(*words, *KERNEL, "--pool", 4, *(() if "--n" in words else ("--n", 2)))
    assert done.exit_code == 2
    assert told in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert sorted(path for path in here.rglob("*")) == before


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ("openmoji46", "prior 'openmoji46' does not exist; name a file or folder, owner/name on the hub, or one of"),
        ("kernel", "prior 'kernel' is made of images; give images="),
        ("nobody/nothing", "prior 'nobody/nothing' is not on this machine and the hub cannot be reached"),
    ],
)
def test_a_prior_that_cannot_be_had_is_one_line(here, monkeypatch, prior, told):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    done = restored("me.png", "--mask", "mask.png", "--prior", prior)
    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1)
    assert told in done.stderr
    assert not Path("restored").exists()


def test_a_full_disk_leaves_nothing(here, monkeypatch):
    import errno

    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    done = restored("me.png", "--mask", "mask.png", *KERNEL, "--n", 2, "--pool", 4, "--output", "out/deep")
    assert done.exit_code == 2 and "cannot write out/deep: No space left on device" in done.stderr
    assert not Path("out/deep").exists() and not list(Path("out").iterdir())


def test_a_prior_that_knows_the_answer_is_told(here, caplog):
    """If the picture is one of the prior's own, the restoration just returns it."""
    Path("known/me.png").write_bytes(Path("me.png").read_bytes())
    given = ("--mask", "mask.png", *KERNEL, "--pool", 2, "--n", 1)
    assert restored("me.png", *given, "--output", "apart").exit_code == 0
    assert "contains the answer" not in caplog.text
    assert restored("known/me.png", *given, "--output", "within").exit_code == 0
    assert "known/me.png is one of the pictures of --images: the prior contains the answer" in caplog.text
