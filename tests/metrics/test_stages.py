"""Pools through select and measure, on made-up images and a random backbone."""

import pytest
import torch

from posterity import assets, metrics
from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import measure, select

SHAPED = {"signal_kind": "image", "signal_shape": [3, 32, 32]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from safetensors.torch import save, save_file
    from torchvision.models import vgg16

    root = tmp_path_factory.mktemp("stages")
    save_file(
        {f"features.{k}": v for k, v in vgg16(weights=None).features.state_dict().items()}, root / "vgg.safetensors"
    )
    keep = torch.ones(1, 32, 32)
    keep[:, 8:20, 8:20] = 0
    run = {"dataset": "d", "task": "t", "prior": "p", "sampler": "s"}
    key = {"dataset": "d", "task": "t"}
    pictures = {i: torch.rand(8, 3, 32, 32) * 2 - 1 for i in ("a", "b")}
    store.write(
        root / "m",
        "measurements",
        [
            key | SHAPED | {"item": i, "parameters": save({"keep": keep}), "truth": images.encode(x[0])}
            for i, x in pictures.items()
        ],
        {},
    )
    store.write(
        root / "s", "samples",
        [run | {"item": i, "sample": k, "signal": images.encode(x[k]), "lr_psnr": 50.0, "mode": k % 2}
         for i, x in pictures.items() for k in range(8)], {},
    )  # fmt: skip
    probabilities = [run | {"item": i, "mode": k, "probability": 0.5} for i in pictures for k in range(2)]
    store.write(root / "p", "posterior", [{k: v for k, v in r.items() if k != "sampler"} for r in probabilities], {})
    return root


@pytest.mark.parametrize("features", ["patch", "lpips"])
def test_select_then_measure(made, monkeypatch, features):
    monkeypatch.setattr(assets, "vgg16", lambda root: made / "vgg.safetensors", raising=False)
    rules = {n: {"method": n} for n in ("random", "kmeans", "uniformization", "fps")}
    settings = {"count": 3, "seed": 0, "features": features, "subsets": rules}
    select.run(settings, samples=made / "s", measurements=made / "m", assets=made, output=made / "sub")
    chosen = store.read(made / "sub", "subsets").to_pylist()
    assert len(chosen) == 2 * 4 * 3
    measure.run(
        {"count": 3, "metrics": metrics.names(), "seed": 0}, samples=made / "s", measurements=made / "m",
        subsets=made / "sub", posterior=made / "p", reference=made / "s", assets=made, output=made / "out",
    )  # fmt: skip
    rows = store.read(made / "out", "metrics").to_pylist()
    value = {(r["item"], r["metric"], r["subset"], r["sample"]): r["value"] for r in rows}
    assert len(value) == len(rows) and {r["metric"] for r in rows} == set(metrics.names())
    assert value["a", "tv", None, None] == pytest.approx(1 / 6), "of the first three: modes 0, 1, 0"
    assert value["a", "lpips", None, 0] < 1e-6 < value["a", "lpips", None, 1]
    assert 0 < value["a", "sliced_wasserstein", None, None] < 0.5 and value["a", "diversity", "fps", None] > 0
    assert all(r["reason"] for r in rows if r["value"] is None)


def test_unknown_names_are_told(made):
    with pytest.raises(PosterityError, match="'nope'"):
        rules = {"x": {"method": "nope"}}
        select.run(
            {"count": 3, "features": "patch", "subsets": rules},
            samples=made / "s",
            measurements=made / "m",
            assets=made,
            output=made / "o",
        )
    with pytest.raises(PosterityError, match=r"metric 'psn' does not exist; .*; did you mean 'psnr'"):
        measured(made, ["psn"])


def pool(folder, truths, samples, **columns):
    """Measurements and samples of items {name: truth} and {name: [image, …]} in ``folder``."""
    key = {"dataset": "d", "task": "t"}
    rows = [
        key | SHAPED | {"item": i, "signal_shape": list(x.shape), "truth": images.encode(x)} for i, x in truths.items()
    ]
    store.write(folder / "m", "measurements", rows, {})
    run = key | {"prior": "p", "sampler": "s"}
    rows = [
        run | {"item": i, "sample": k, "signal": images.encode(x)} | columns
        for i, pictures in samples.items() for k, x in enumerate(pictures)
    ]  # fmt: skip
    store.write(folder / "s", "samples", rows, {})


def measured(folder, wanted, count=3):
    """{(item, metric, sample): row} of the pools in ``folder``."""
    measure.run(
        {"count": count, "metrics": wanted, "seed": 0}, samples=folder / "s", measurements=folder / "m", subsets=None,
        posterior=None, reference=None, assets=folder, output=folder / "out",
    )  # fmt: skip
    return {(r["item"], r["metric"], r["sample"]): r for r in store.read(folder / "out", "metrics").to_pylist()}


def test_a_flat_picture_without_niqe_costs_no_other_number(tmp_path, monkeypatch):
    from scipy.io import savemat

    rng = torch.Generator().manual_seed(0)
    savemat(tmp_path / "niqe.mat", {"mu_prisparam": [[1.0] * 36], "cov_prisparam": torch.eye(36).numpy()})
    monkeypatch.setattr(assets, "niqe", lambda root: tmp_path / "niqe.mat")
    noisy = [torch.rand(3, 192, 192, generator=rng) * 2 - 1 for _ in range(4)]
    flat = torch.full((3, 192, 192), 0.2)
    pool(tmp_path, {"a": noisy[0], "b": flat}, {"a": [noisy[1], flat, noisy[2]], "b": [flat, flat, noisy[3]]})
    found = measured(tmp_path, ["psnr", "niqe"])
    assert len(found) == 12 and all(row["value"] is not None for key, row in found.items() if key[1] == "psnr")
    without = {key[::2] for key, row in found.items() if key[1] == "niqe" and row["value"] is None}
    assert without == {("a", 1), ("b", 0), ("b", 1)}
    assert all(found[item, "niqe", k]["reason"].startswith("N/A: niqe ") for item, k in without)
    alone = measured(tmp_path, ["niqe"], count=1)["a", "niqe", 0]["value"]
    assert found["a", "niqe", 0]["value"] == pytest.approx(alone)


def test_images_too_small_for_a_metric_have_the_others(made, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "vgg16", lambda root: made / "vgg.safetensors", raising=False)
    small = torch.rand(4, 3, 8, 8) * 2 - 1
    pool(tmp_path, {"a": small[0]}, {"a": list(small[1:])}, lr_psnr=30.0)
    wanted = [
        "psnr",
        "ssim",
        "ssim_zeros",
        "ssim_mirror",
        "ssim_luma",
        "lpips",
        "niqe",
        "lr_psnr",
        "diversity",
        "coverage",
    ]
    found = measured(tmp_path, wanted)
    values = {key[1] for key, row in found.items() if row["value"] is not None}
    assert values == {"psnr", "lr_psnr"}
    reasons = {key[1]: row["reason"] for key, row in found.items() if row["value"] is None}
    assert reasons["ssim"] == "N/A: SSIM's window has 11 px, the image is 8×8"
    assert reasons["lpips"] == reasons["diversity"] == "N/A: LPIPS needs sides of 16 px, the image is 8×8"


def test_what_was_not_recorded_says_why(tmp_path):
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    pool(tmp_path, {"a": pictures[0]}, {"a": [pictures[1]]})
    found = measured(tmp_path, ["lr_psnr", "residual_rms"], count=1)
    assert all(row["value"] is None and "no entry of y is measured" in row["reason"] for row in found.values())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_is_null(tmp_path, monkeypatch, bad):
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    pool(tmp_path, {"a": pictures[0]}, {"a": list(pictures[1:])})
    monkeypatch.setattr(metrics.find("psnr"), "values", lambda self, pool, places: [20.0, bad, 21.0])
    found = measured(tmp_path, ["psnr"])
    assert [found["a", "psnr", k]["value"] for k in range(3)] == [20.0, None, 21.0]
    assert found["a", "psnr", 1]["reason"] == f"N/A: psnr is {bad:g} here"


def test_short_memory_is_no_reason(tmp_path, monkeypatch):
    def short(self, pool, places):
        raise torch.OutOfMemoryError("CUDA out of memory")

    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    pool(tmp_path, {"a": pictures[0]}, {"a": [pictures[1]]})
    monkeypatch.setattr(metrics.find("psnr"), "values", short)
    with pytest.raises(torch.OutOfMemoryError):
        measured(tmp_path, ["psnr"], count=1)
