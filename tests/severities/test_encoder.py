"""Stored severity encoders: what is written is what is read, and they refuse states that they were not trained for."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import save

from posterity.errors import PosterityError
from posterity.operators.pointwise import Denoising
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.samplers.base import Problem
from posterity.severities._network import Network
from posterity.severities._weights import load, packed
from posterity.severities.encoder import Encoder

TASK = {"operator": "denoise", "sigma_y": 0.1}


@pytest.fixture(scope="module")
def images():
    return torch.randn(60, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).cumsum(2) / 8


@pytest.fixture(scope="module")
def coder(images):
    return PatchPCA.fit(images, 2, 3)


@pytest.fixture
def stored(tmp_path, coder):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = Network((1, 8, 8), (3, 4, 4), 8, 1)
    torch.nn.init.normal_(network.last.weight, std=0.01)
    return written(tmp_path, network, coder)


def written(folder, network, coder):
    weights = save(packed(network, coder))
    card = {
        "task": TASK, "signal_shape": [1, 8, 8], "state_shape": [3, 4, 4], "width": 8, "blocks": 1, "head": "channels",
        "patch": 2, "scale": coder.scale, "weights": {"sha256": hashlib.sha256(weights).hexdigest()},
    }  # fmt: skip
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "card.json").write_text(json.dumps(card))
    return folder / "weights.safetensors"


def problem(images, coder, count=3):
    prior = Latent(Gaussian.estimate(coder.encode(images)), coder)
    return Problem(prior, Denoising((1, 8, 8)), images[:count] + 0.1, 0.1, torch.arange(count))


def test_it_estimates_states_of_the_prior_in_its_precision(stored, images, coder):
    found = Encoder(str(stored)).estimate(problem(images, coder))
    trained = load(stored)
    z, v = trained(images[:3] + 0.1)
    assert found.estimate.dtype == torch.float64 and found.estimate.shape == (3, 3, 4, 4)
    torch.testing.assert_close(found.estimate.float(), z)
    torch.testing.assert_close(found.variance.float(), v)
    assert 0 < float((z - coder.encode(images[:3] + 0.1)).abs().max()) < 1, "E(y) and a correction"
    assert Encoder(str(stored)).trained_for() == TASK


def test_states_of_another_autoencoder_are_refused(stored, images, coder):
    other = PatchPCA.fit(images.flip(0)[:20] ** 3, 2, 3)
    with pytest.raises(PosterityError, match="was trained for the states of another autoencoder than this prior's"):
        Encoder(str(stored)).estimate(problem(images, other))
    with pytest.raises(PosterityError, match=r"of shape \(3, 4, 4\) from .* not \(2, 4, 4\) from \(1, 8, 8\)"):
        Encoder(str(stored)).estimate(problem(images, PatchPCA.fit(images, 2, 2)))


def test_what_was_changed_or_is_something_else_is_told_in_one_line(stored):
    about = stored.with_name("card.json")
    card = json.loads(about.read_text())
    about.write_text(json.dumps(card | {"width": 16}))
    with pytest.raises(PosterityError, match=r"weights\.safetensors is of another architecture"):
        load(stored)
    about.write_text(json.dumps({k: v for k, v in card.items() if k != "task"} | {"head": 3}))
    with pytest.raises(PosterityError, match="is no card of a severity encoder: head, task missing or of another type"):
        load(stored)
    about.write_text(json.dumps(card | {"head": "other"}))
    with pytest.raises(PosterityError, match="head 'other' is none of channels, states"):
        load(stored)
    about.write_text(json.dumps(card))
    stored.write_bytes(stored.read_bytes()[:-1] + b"\1")
    with pytest.raises(PosterityError, match=r"is not the file that its card\.json describes"):
        load(stored)
    with pytest.raises(PosterityError, match="`posterity train-severity --help` tells how it is made"):
        load(stored.with_name("absent"))
