"""Whatever is handed to `po.prior`, `po.restore`, `po.degrade`, `po.verify` in error is one line, and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import posterity as po
from posterity.errors import PosterityError

NAN = float("nan")
PICTURES = torch.rand(10, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
HIDDEN = torch.zeros(8, 8, dtype=torch.bool)
HIDDEN[4:] = True
LONG = "a" * 5000


@pytest.fixture(scope="module")
def kernel() -> Any:
    return po.prior("kernel", images=PICTURES, bandwidth=0.2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are not what their names say."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "text.png").write_text("hello")
    (folder / "empty.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    Image.new("RGB", (90, 70), "red").save(folder / "picture.png")
    content = (folder / "picture.png").read_bytes()
    (folder / "half.png").write_bytes(content[: len(content) // 2])
    Image.new("L", (80, 70), 255).save(folder / "mask80.png")
    Image.new("L", (90, 70), 0).save(folder / "black.png")
    (folder / "leaves.py").write_text("raise SystemExit")
    (folder / "takes_two.py").write_text("def restore(a, b): ...")
    return folder


def told(act: Any) -> str:
    with pytest.raises(PosterityError) as found:
        act()
    assert len(str(found.value).splitlines()) == 1
    return str(found.value)


def raising(denoise, A, y, sigma_y, noise):
    raise ValueError("two\nlines")


def nothing(denoise, A, y, sigma_y, noise):
    return None


def narrow(denoise, A, y, sigma_y, noise):
    return y[..., :1]


def complex_numbers(denoise, A, y, sigma_y, noise):
    return y * 1j


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ("{}/none.png", "cannot be read (No such file"), ("{}/folder.png", "cannot be read (Is a directory"),
        ("{}/text.png", "is not a readable image"), ("{}/empty.png", "is not a readable image"),
        ("{}/half.png", "truncated"), ("a\0b", "is not a valid file name"),
        (LONG, "cannot be read (File name too long"),
        ("~no_such_person/x.png", "no such home folder"), (None, "is a NoneType"), (b"abc", "is a bytes"),
        (torch.tensor(1.0), "has shape ()"), (np.array([None]), "holds object"), (np.array(["a"]), "holds <U1"),
        (torch.zeros(3, 8, 8, dtype=torch.complex64), "complex64"), (PICTURES[0] * NAN, "not finite"),
        (PICTURES[0] * 255, "goes from"), (np.zeros((0, 0, 3), np.uint8), "has 0x0"),
        (np.zeros((8, 8, 2), np.uint8), "has shape (8, 8, 2)"), (torch.zeros(3, 9, 9), "picture has 9x9"),
    ],
)  # fmt: skip
def test_pictures(kernel: Any, files: Path, picture: Any, said: str) -> None:
    given = picture.format(files) if isinstance(picture, str) else picture
    assert said in told(lambda: po.restore(given, mask=HIDDEN, prior=kernel, sampler="exact"))


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("{}/mask80.png", "has 80x70 pixels, picture has 90x70"), ("{}/black.png", "hides nothing"),
        ("{}/text.png", "is not a readable image"), (3, "is a int"), ([[1]], "is a list"),
        (np.array(["a"]), "expected numbers"), (np.array([[None]]), "expected numbers"),
        (torch.ones(2, 8, 8), "expected (H, W)"), (torch.ones(4, 4), "has 4x4 pixels"), (torch.ones(0, 0), "has 0x0"),
        (torch.ones(8, 8, dtype=torch.complex64), "expected real numbers"),
    ],
)  # fmt: skip
def test_masks(kernel: Any, files: Path, mask: Any, said: str) -> None:
    given = mask.format(files) if isinstance(mask, str) else mask
    picture = files / "picture.png" if isinstance(mask, str) else PICTURES[0]
    assert said in told(lambda: po.restore(picture, mask=given, prior=kernel, sampler="exact"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": 0}, "samples is 0"), ({"samples": 2.5}, "samples is 2.5"), ({"seed": -1}, "seed is -1"),
        ({"seed": "a"}, "seed is 'a'"), ({"seed": 2**70}, "below 2**63"), ({"sigma_y": -1}, "sigma_y is -1"),
        ({"sigma_y": NAN}, "sigma_y is nan"), ({"sigma_y": "x"}, "sigma_y is 'x'"), ({"item": 3}, "item is 3"),
        ({"sampler": "nope"}, "sampler 'nope' does not exist"), ({"sampler": 3}, "a int is not a sampler"),
        ({"sampler": "{}/none.py"}, "there is no such file"), ({"sampler": "{}/leaves.py"}, "SystemExit"),
        ({"sampler": "{}/takes_two.py"}, "must be restore("), ({"sampler": raising}, "ValueError: two lines"),
        ({"sampler": nothing}, "returned NoneType"), ({"sampler": narrow}, "returned torch.float64 (8, 3, 8, 1)"),
        ({"sampler": complex_numbers}, "returned torch.complex128"),
        ({"sampler": "ddnm", "guidance": NAN}, "eta = nan"),
        ({"sampler": "ddnm", "guidance": float("inf")}, "eta = inf"),
        ({"sampler": "ddnm", "coupled": -1}, "group = -1"),
        ({"mask": None, "operator": 3}, "task is 3"), ({"mask": None, "operator": "nope"}, "task 'nope'"),
        ({"mask": None, "operator": {"operator": "sr", "factor": 4, "sigma_y": "x"}}, "sigma_y is 'x'"),
    ],
)  # fmt: skip
def test_settings(kernel: Any, files: Path, change: dict[str, Any], said: str) -> None:
    given = {"mask": HIDDEN, "prior": kernel, "sampler": "exact", **change}
    if isinstance(given["sampler"], str):
        given["sampler"] = given["sampler"].format(files)
    assert said in told(lambda: po.restore(PICTURES[0], **given))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("", {}, "does not exist"), ("nope", {}, "does not exist"), (LONG, {}, "does not exist"),
        (None, {}, "does not exist"),
        ("../no_such_place", {}, "neither a local file or folder nor a name on the hub"),
        ("a\0b", {}, "is not a valid file name"),
        ("{}/folder.png", {}, "holds no network"), ("kernel", {"images": "{}/none"}, "does not exist"),
        ("kernel", {"images": "{}/folder.png"}, "holds no picture"), ("kernel", {"images": []}, "images is empty"),
        ("kernel", {"images": 3}, "is a int"), ("kernel", {"images": PICTURES[:0]}, "images is empty"),
        ("kernel", {"images": PICTURES * NAN}, "not finite"), ("kernel", {"images": PICTURES * 255}, "goes from"),
        ("kernel", {"images": np.array([None])}, "expected numbers"),
        ("kernel", {"images": PICTURES, "bandwidth": NAN}, "bandwidth is nan"),
        ("kernel", {"images": PICTURES, "bandwidth": -1}, "bandwidth is -1, expected a number from 0"),
        ("kernel", {"images": [PICTURES[0]], "size": -5}, "size is -5"),
        ("kernel", {"images": [PICTURES[0]], "size": 10**6}, "size is 1000000"),
        ("mixture", {"images": PICTURES, "components": "x"}, "components is 'x'"),
    ],
)  # fmt: skip
def test_priors(files: Path, name: Any, change: dict[str, Any], said: str) -> None:
    given = {
        key: value.format(files) if isinstance(value, str) and "{}" in value else value for key, value in change.items()
    }
    called = name.format(files) if isinstance(name, str) else name
    assert said in told(lambda: po.prior(called, **given))


def test_a_prior_of_another_size_is_told_with_both(kernel: Any) -> None:
    said = told(lambda: po.restore(torch.zeros(1, 8, 8), mask=HIDDEN, prior=kernel, sampler="exact"))
    assert "has shape (1, 8, 8), the prior's images (3, 8, 8)" in said


def test_a_name_of_the_hub_without_web_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    said = told(lambda: po.prior("nobody/nothing-at-all"))
    assert "is not on this machine" in said and "hf download nobody/nothing-at-all --local-dir FOLDER" in said


@pytest.mark.parametrize(
    ("sampler", "change", "said"),
    [
        ("nope", {}, "sampler 'nope' does not exist"), (None, {}, "is not a sampler"), (int, {}, "is not a sampler"),
        ("ddrm", {"prior": 3}, "is not one that verify knows"), ("ddrm", {"task": 3}, "task is 3"),
        ("ddrm", {"task": [3]}, "task 3 is not one"), ("ddrm", {"tier": "x"}, "tier 'x' is not one"),
        ("ddrm", {"seed": -1}, "seed is -1"), ("{}/leaves.py", {}, "SystemExit"),
        (raising, {"task": "denoise"}, "sampler raising: ValueError: two lines"),
    ],
)  # fmt: skip
def test_verify(files: Path, sampler: Any, change: dict[str, Any], said: str) -> None:
    given = sampler.format(files) if isinstance(sampler, str) else sampler
    assert said in told(lambda: po.verify(given, **change))


def test_degrade(files: Path) -> None:
    assert "task is 3" in told(lambda: po.degrade(PICTURES[0], 3))  # type: ignore[arg-type]
    assert "size is 0" in told(lambda: po.degrade(files / "picture.png", "sr4", size=0))
    assert "prior is 'kernel'" in told(lambda: po.degrade(PICTURES[0], "sr4", prior="kernel"))  # type: ignore[arg-type]


def test_where_results_cannot_be_written(kernel: Any, files: Path) -> None:
    pool = po.restore(PICTURES[0], mask=HIDDEN, prior=kernel, sampler="exact", samples=2)
    for folder, said in (
        (3, "folder is 3"), ("a\0b", "is not a valid file name"), ("/tmp/" + "a" * 300, "File name too long"),
        (files / "picture.png", "holds something else"), (files / "picture.png" / "x", "is a file"), (files, "else"),
    ):  # fmt: skip
        assert said in told(lambda folder=folder: pool.save(folder))
