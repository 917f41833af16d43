"""`import posterity as po`: the same draws as the stages', pictures as people see them, mistakes in one line."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import posterity as po
from posterity.artifacts import images, signals, store
from posterity.configuration.samplers import settle
from posterity.errors import PosterityError
from posterity.front import inputs
from posterity.front.home import home
from posterity.operators.build import build
from posterity.samplers.dps import DPS
from posterity.stages import degrade, sample, select

ROOT = Path(__file__).parents[2]
ITEMS = ("a", "b", "c")


def bytes_of(x):
    return [images.encode(one)["bytes"] for one in x]


def random_images(count, size, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Artifacts of three random images of 32x32, measured by a random mask of the stage's and by sr4."""
    folder = tmp_path_factory.mktemp("made")
    rows = [
        {"dataset": "d", "item": item, "split": "test", "signal": images.encode(x)}
        for item, x in zip(ITEMS, random_images(3, 32), strict=True)
    ]
    store.write(folder / "items.parquet", "items", rows, {})
    store.write(folder / "regions.parquet", "regions", [], {})
    return folder


def staged(folder, task, prior, name, samples, seed, weights=None, items=3):
    """Rows of the sampling stage."""
    given = {n: folder / f"{n}.parquet" for n in ("items", "regions")}
    y = folder / f"{task}.parquet"
    settings = {"dataset": "d", "task": home().task(task), "items": items, "seed": seed}
    degrade.run(settings, **given, output=y)
    sampler = settle(home().sampler(name), prior["name"], task, "")
    asked = {"dataset": "d", "task": task, "prior": prior, "sampler": sampler, "samples": samples, "seed": seed}
    out = folder / f"{task}-{name}.parquet"
    sample.run(asked, **given, measurements=y, output=out, weights=weights)
    return store.read(y, "measurements").to_pylist(), store.read(out, "samples").to_pylist()


def test_a_kernel_prior_restores_as_the_stages_do(made):
    prior = {"name": "kernel", "kind": "kernel", "bandwidth": 0.1}
    measurements, rows = staged(made, "inpaint_box", prior, "ddnm_guided", 4, 7)
    one = next(row for row in measurements if row["item"] == "b")
    from safetensors.torch import load

    operator = build(home().task("inpaint_box"), (3, 32, 32), load(one["parameters"]))
    y = torch.tensor(one["y"]).reshape(one["y_shape"])
    known = po.prior("kernel", images=made / "items.parquet")
    found = po.restore(y, operator=operator, prior=known, sampler="ddnm_guided", samples=4, seed=7, item="b")
    wanted = [row for row in rows if row["item"] == "b"]
    assert bytes_of(found.samples) == [row["signal"]["bytes"] for row in wanted]
    assert found.cost.forwards == wanted[0]["forwards"]


def test_a_shipped_network_restores_as_the_stages_do(made):
    weights = ROOT / "resources/priors/openmoji32/weights.safetensors"
    (one,), rows = staged(made, "sr4", {"name": "openmoji32", "kind": "network"}, "ddrm", 2, 3, weights, items=1)
    known = po.prior("openmoji32")
    measured = po.degrade(signals.decode(one["truth"]), "sr4", prior=known, seed=3, item=one["item"])
    assert torch.equal(measured.y.flatten().float(), torch.tensor(one["y"]))
    found = po.restore(measured, prior=known, sampler="ddrm", samples=2, seed=3)
    assert bytes_of(found.samples) == [row["signal"]["bytes"] for row in rows]


def test_a_network_of_states_is_loaded_with_its_autoencoder():
    found = po.prior("openmoji64_latent")
    assert found.latent and (found.signal_shape, found.state_shape) == ((3, 64, 64), (4, 16, 16))
    half = np.arange(64 * 64).reshape(64, 64) > 2047
    restored = po.restore(torch.zeros(3, 64, 64), mask=half, prior=found, sampler=DPS(steps=2), samples=1)
    assert restored.samples.shape == (1, 3, 64, 64) and restored.cost.decodes == 3
    file = ROOT / "resources/priors/openmoji64_latent/weights.safetensors"
    with pytest.raises(PosterityError, match=r"is of states of autoencoder 'openmoji64'; name a prior of the config"):
        po.prior(file)


@pytest.fixture(scope="module")
def kernel():
    return po.prior("kernel", images=random_images(12, 16))


@pytest.fixture(scope="module")
def found(kernel):
    hidden = np.zeros((16, 16), dtype=bool)
    hidden[8:] = True
    return po.restore(random_images(12, 16)[0], mask=hidden, prior=kernel, samples=12, sampler="exact")


def test_what_is_seen_stays_and_what_is_hidden_varies(found, kernel):
    assert len(found) == 12 and found.samples.shape == (12, 3, 16, 16)
    truth = random_images(12, 16)[0].double()
    torch.testing.assert_close(found.samples[:, :, :8], truth[:, :8].expand(12, -1, -1, -1))
    spread = found.uncertainty()
    assert spread.shape == (16, 16) and bool((spread[:8] < 1e-12).all()) and bool((spread[8:] > 0.01).all())
    torch.testing.assert_close(found.mean(), found.samples.mean(0))
    again = po.restore(truth, mask=found.measurement.keep[0, 0] < 0.5, prior=kernel, samples=12, sampler="exact")
    assert bytes_of(again.samples) == bytes_of(found.samples)


def test_a_subset_is_the_one_that_the_stage_selects(made):
    prior = {"name": "kernel", "kind": "kernel", "bandwidth": 0.1}
    _, rows = staged(made, "inpaint_half", prior, "ddnm", 9, 1)
    settings = {"count": 4, "seed": 1, "features": "patch", "subsets": {n: {"method": n} for n in ("fps", "kmeans")}}
    paths = {"samples": made / "inpaint_half-ddnm.parquet", "measurements": made / "inpaint_half.parquet"}
    select.run(settings, **paths, assets=made, output=made / "subsets.parquet")
    wanted = store.read(made / "subsets.parquet", "subsets").to_pylist()
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[:, 16:] = True
    truth = signals.decode(next(r["signal"] for r in store.read(made / "items.parquet", "items").to_pylist()))
    known = po.prior("kernel", images=made / "items.parquet")
    pool = po.restore(truth, mask=mask, prior=known, samples=9, seed=1, item="a")
    assert bytes_of(pool.samples) == [row["signal"]["bytes"] for row in rows if row["item"] == "a"]
    for name in ("fps", "kmeans"):
        chosen = [r["sample"] for r in wanted if (r["item"], r["subset"]) == ("a", name)]
        assert list(pool.subset(name, 4).numbers) == chosen
    with pytest.raises(PosterityError, match="count: 10 is not between 1 and the 9 samples of a"):
        pool.subset("fps", 10)


def test_guidance_and_coupled_noise_are_the_wrappers(kernel, found):
    given = {"prior": kernel, "samples": 4, "sampler": "ddnm"}
    image, mask = random_images(12, 16)[1], found.measurement.keep[0, 0] < 0.5
    named = po.restore(image, mask, **{**given, "sampler": "ddnm_guided"})
    asked = po.restore(image, mask, **given, guidance=0.9)
    assert bytes_of(named.samples) == bytes_of(asked.samples)
    assert asked.about["sampler"]["wrap"] == named.about["sampler"]["wrap"] != []
    coupled = po.restore(image, mask, **given, coupled=True)
    assert coupled.about["sampler"]["wrap"] == [{"coupled_noise": {"group": 4}}]


def test_pictures_are_taken_as_people_see_them(tmp_path, kernel):
    levels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    upright = Image.fromarray(levels)
    exif = Image.Exif()
    exif[0x0112] = 6  # as stored it lies on its side
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    shape = (3, 16, 16)
    wanted = inputs.signal(inputs.opened(upright, "x"), shape, "x")
    for given in (
        tmp_path / "turned.png",
        str(tmp_path / "turned.png"),
        levels,
        torch.from_numpy(levels).movedim(2, 0),
    ):
        assert torch.equal(inputs.signal(inputs.opened(given, "x"), shape, "x"), wanted)
    grey = inputs.signal(inputs.opened(levels[..., 0], "x"), (1, 16, 16), "x")
    assert grey.shape == (1, 16, 16)
    exact = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    assert torch.equal(inputs.signal(inputs.opened(exact, "x"), shape, "x"), images.decode(images.encode(
        torch.from_numpy(exact).movedim(2, 0) / 127.5 - 1)).double())  # fmt: skip


def test_white_true_and_one_are_hidden(tmp_path):
    hidden = np.zeros((20, 30), dtype=bool)
    hidden[:, 15:] = True
    Image.fromarray(hidden.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    clear = np.zeros((20, 30, 4), dtype=np.uint8)
    clear[..., 3] = 255 * ~hidden
    Image.fromarray(clear).save(tmp_path / "clear.png")
    masks = (hidden, hidden.astype(float), torch.from_numpy(hidden), hidden.astype(np.uint8) * 255,
             Image.fromarray(hidden), tmp_path / "mask.png", str(tmp_path / "clear.png"))  # fmt: skip
    for mask in masks:
        keep = inputs.keep(mask, (30, 20), (3, 16, 16), "x")
        assert keep.shape == (1, 1, 16, 16) and keep[0, 0, :, 0].all() and not keep[0, 0, :, -1].any()


def test_floats_from_0_to_1_are_warned_of(kernel, found):
    mask = found.measurement.keep[0, 0] < 0.5
    with pytest.warns(UserWarning, match=r"give 2 \* picture - 1"):
        po.restore((random_images(12, 16)[0] + 1) / 2, mask, prior=kernel, samples=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        po.restore(random_images(12, 16)[0], mask, prior=kernel, samples=1)


def a_function(denoise, A, y, sigma_y, noise):
    return A.pinv(y) + (1 - A.pinv(A(0 * y + 1))) * denoise(noise("init", 0), denoise.steps - 1)


def test_ones_own_function_restores_and_is_verified(kernel, found):
    mask = found.measurement.keep[0, 0] < 0.5
    drawn = po.restore(random_images(12, 16)[0], mask, prior=kernel, sampler=a_function, samples=2)
    torch.testing.assert_close(drawn.samples[:, :, :8], found.samples[:2, :, :8])
    frame = po.verify(a_function, prior="mixture", task="inpaint")
    assert set(frame["sampler"]) == {"a_function"} and set(frame["task"]) == {"inpaint"}
    assert frame.attrs["verdicts"]["inpaint"] not in ("exact", "approximate")
    right = po.verify("exact", prior="mixture", task="inpaint")
    assert right.attrs["verdicts"] == {"inpaint": "exact"}
    assert {"statistic", "value", "verdict"} <= set(right.columns)


HALF = np.arange(256).reshape(16, 16) > 127
PICTURE = random_images(12, 16)[0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give a picture with a mask, or a measurement with its operator"),
        ({"mask": HALF, "operator": "sr4"}, "give a picture with a mask, or a measurement with its operator"),
        ({"mask": HALF[:8]}, "the mask has 16x8 pixels, picture has 16x16; a mask has the size of its picture"),
        ({"mask": HALF & False}, "the mask hides nothing of the square in the middle of picture"),
        ({"mask": HALF, "samples": 0}, "samples is 0, expected a whole number from 1 to 10000"),
        ({"mask": HALF, "sampler": "ddmn"}, "sampler 'ddmn' does not exist; did you mean 'dd"),
        ({"mask": HALF, "sampler": "mgps"}, "sampler mgps: needs a noisy task"),
        ({"mask": HALF, "sampler": "exact", "guidance": 1.0}, "sampler exact has no clean prediction to move"),
        ({"mask": HALF, "guidance": -1.0}, "sampler ddnm, diversity: eta = -1.0"),
        ({"mask": HALF, "coupled": True, "samples": 1}, "sampler ddnm, coupled_noise: group = 1"),
        ({"mask": HALF, "sampler": "psld"}, "sampler psld: needs a latent prior"),
        ({"mask": HALF, "sampler": 3}, "a int is not a sampler"),
        ({"mask": HALF, "sampler": lambda x: x}, r"sampler: <lambda>\(x\) must be restore\(denoise, A, y"),
        ({"operator": "sr5"}, "task 'sr5' does not exist; did you mean 'sr4'"),
        ({"operator": "sr4"}, r"picture has shape \(3, 16, 16\), but BicubicSR"),
        ({"operator": "inpaint_box"}, "task inpaint_box: operator inpaint: 'keep' is missing"),
        ({"operator": {"operator": "jpeg", "quality": 5}}, "sampler ddnm: needs a pseudo-inverse and a singular value"),
    ],
)
def test_what_cannot_be_is_one_line(kernel, given, told):
    with pytest.raises(PosterityError, match=told) as error:
        po.restore(PICTURE, prior=kernel, **given)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (Path("absent.png"), "absent.png cannot be read"),
        ("picture", "picture cannot be read"),
        (PICTURE * 3, "picture goes from -2.9"),
        (PICTURE[:2], r"picture has shape \(2, 16, 16\), the prior's images \(3, 16, 16\)"),
        (PICTURE / 0, "picture holds a value that is not finite"),
        (PICTURE.long(), "picture holds torch.int64; expected eight bits"),
        (np.zeros((2, 5, 5, 5), np.uint8), "picture has shape"),
        (None, "picture is a NoneType"),
    ],
)
def test_what_is_no_picture_is_one_line(kernel, picture, told):
    with pytest.raises(PosterityError, match=told):
        po.restore(picture, mask=HALF, prior=kernel, samples=1)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("kernel", {}, "prior 'kernel' is made of images; give images="),
        ("openmoji32", {"images": PICTURE[None]}, "prior 'openmoji32' is not made of images"),
        ("openmoji46", {}, "prior 'openmoji46' does not exist; name a file or folder"),
        ("celebahq", {}, "prior 'celebahq' has no weights yet: snakemake data/priors/celebahq/weights.safetensors"),
        ("kernel_unseen", {}, "prior 'kernel_unseen' is of kind kernel, not a network; make one of pictures"),
        ("mixture", {"images": PICTURE[None].repeat(4, 1, 1, 1), "components": 9}, "components: 9 is not between 1"),
        ("mixture", {"images": torch.zeros(2, 3, 64, 64)}, "covariance of signals of 12288 entries is too large"),
        ("kernel", {"images": "nowhere"}, "images: nowhere does not exist"),
        ("kernel", {"images": []}, "images is empty"),
        ("kernel", {"images": PICTURE.long()}, "images is a torch.int64 of shape"),
        ("kernel", {"images": PICTURE[None], "bandwidth": -1}, "bandwidth is -1, expected a number from 0 to"),
    ],
)
def test_priors_that_cannot_be_had(name, given, told):
    with pytest.raises(PosterityError, match=told):
        po.prior(name, **given)


def test_priors_of_pictures(tmp_path):
    for number, one in enumerate(random_images(6, 20)):
        (tmp_path / f"{number}.png").write_bytes(bytes_of([one])[0])
    folder = po.prior("kernel", images=tmp_path, size=16)
    listed = po.prior("kernel", images=sorted(tmp_path.glob("*.png")), size=16)
    assert folder.signal_shape == (3, 16, 16) and folder.name == "kernel"
    hidden = np.arange(400).reshape(20, 20) > 200
    given = {"mask": hidden, "samples": 2, "sampler": "exact"}
    one, other = (po.restore(tmp_path / "0.png", prior=prior, **given) for prior in (folder, listed))
    assert bytes_of(one.samples) == bytes_of(other.samples)
    few = po.prior("mixture", images=random_images(6, 8))
    assert len(few.means) == 3 and few.covariances.abs().max() > 0
    mixed = po.prior("mixture", images=random_images(40, 8), components=3)
    assert mixed.signal_shape == (3, 8, 8) and len(mixed.means) == 3
    assert po.prior("gaussian", images=random_images(40, 8)).signal_shape == (3, 8, 8)


def test_a_sheet_and_a_notebook_show_everything(found):
    shown = found.subset("fps", 3)
    page = shown.show()
    assert page.mode == "RGB" and page.width > 3 * 192
    assert shown._repr_html_().startswith('<img src="data:image/png;base64,') and "3 of 3×16×16 by exact" in repr(shown)
    with pytest.raises(PosterityError, match="a single sample has no uncertainty"):
        found.subset("random", 1).uncertainty()
    assert found.subset("random", 1).show().width > 0


def test_importing_it_imports_nothing_else():
    code = (
        "import sys, posterity as po; assert 'restore' in dir(po); print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="has no attribute 'restor'"):
        po.restor  # noqa: B018
