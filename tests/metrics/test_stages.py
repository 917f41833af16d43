"""Pools through select and measure, on made-up images and a random backbone."""

import pytest
import torch

from posterity import assets
from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import measure, select


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
            key | {"item": i, "parameters": save({"keep": keep}), "truth": images.encode(x[0])}
            for i, x in pictures.items()
        ],
        {},
    )
    store.write(
        root / "s", "samples",
        [run | {"item": i, "sample": k, "image": images.encode(x[k]), "lr_psnr": 50.0, "mode": k % 2}
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
        {"count": 3, "metrics": list(measure.METRICS), "seed": 0}, samples=made / "s", measurements=made / "m",
        subsets=made / "sub", posterior=made / "p", reference=made / "s", assets=made, output=made / "out",
    )  # fmt: skip
    rows = store.read(made / "out", "metrics").to_pylist()
    value = {(r["item"], r["metric"], r["subset"], r["sample"]): r["value"] for r in rows}
    assert len(value) == len(rows) and {r["metric"] for r in rows} == set(measure.METRICS)
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
