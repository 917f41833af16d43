"""Restorations under several priors, side by side."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import figure

GREY = {"kernel": -0.5, "network": 0.5}


def flat(level):
    return images.encode(torch.full((3, 16, 16), level))


@pytest.fixture
def inputs(tmp_path):
    place = {"dataset": "faces", "task": "sr4"}
    paths = [tmp_path / "measurements.parquet"]
    row = {"item": "a", "sigma_y": 0.0, "parameters": None, "truth": flat(-1.0), "display": flat(1.0)}
    store.write(paths[0], "measurements", [place | row], {"settings": {}})
    cost = {"forwards": 1, "backwards": 0, "decodes": 0, "seconds": 1.0, "peak_bytes": 1}
    for prior, sampler in (("kernel", "ddnm"), ("network", "ddnm"), ("kernel", "exact"), ("kernel", "dps")):
        key = place | {"prior": prior, "sampler": sampler}
        fits = {"lr_psnr": 60.0, "residual_rms": 0.0, "mode": None}
        rows = [key | cost | fits | {"item": "a", "sample": s, "signal": flat(GREY[prior])} for s in range(2)]
        paths.append(tmp_path / f"{prior}-{sampler}.parquet")
        store.write(paths[-1], "samples", rows, {"settings": {}})
    return paths


def run(inputs, tmp_path):
    figure.run({"experiment": "e", "figure": "priors"}, inputs=inputs, output=tmp_path / "priors.svg")
    return Image.open(io.BytesIO((tmp_path / "priors.png").read_bytes()))


def test_samples_of_each_prior_stand_beside_one_another(inputs, tmp_path):
    """Two of each prior, 128 dots wide; DPS, which one prior has alone, is not shown."""
    levels = np.asarray(run(inputs, tmp_path).convert("L"))
    for level in GREY.values():
        # the edges of letters have a few dots of every grey
        assert (levels == round((level + 1) * 127.5)).sum() / 128**2 == pytest.approx(2, abs=0.01)


def test_one_prior_is_nothing_to_compare(inputs, tmp_path):
    alone = [p for p in inputs if not p.stem.startswith("network")]
    with pytest.raises(PosterityError, match="none of one sampler under two priors"):
        run(alone, tmp_path)
