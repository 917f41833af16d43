"""The published severity encoders: latent diffusion's encoder with a head, from a file under the original names.

The encoder's mapping is tested against the original network in tests/priors/test_checkpoints_first_stage.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.autoencoders import networks
from posterity.priors.autoencoders.network import NetworkAutoencoder
from posterity.priors.checkpoints.first_stage import FirstStage
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.priors.loading import build
from posterity.samplers.base import Problem
from posterity.severities import _published
from posterity.severities.encoder import Encoder

SMALL = FirstStage(size=16, channels=32, multipliers=(1, 2), blocks=1, codes=20)
NAMES = {
    "mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2", "mid_block.attentions.0": "mid.attn_1",
    "down_blocks": "down", "resnets": "block", "downsamplers.0": "downsample", "group_norm": "norm", "to_q": "q",
    "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut",
}  # fmt: skip


@pytest.fixture(scope="module")
def first_stage() -> Any:
    torch.manual_seed(0)
    card = SMALL.card()
    return networks.REGISTRY.module("vq").build(**card["architecture"]).eval()


@pytest.fixture
def file(tmp_path, first_stage, monkeypatch) -> Any:
    """A file under the original names, whose encoder is that of ``first_stage``; its layout becomes the default."""
    state = first_stage.state_dict()
    ours = {k: v for k, v in state.items() if k.startswith(("encoder.", "quant_conv."))}
    found = {old: v.reshape(shape_of(old, v)) for old, v in ((original_name(k), v) for k, v in ours.items())}
    rng = torch.Generator().manual_seed(1)
    found |= {
        "std_conv.weight": torch.randn(3, 3, 1, 1, generator=rng),
        "std_conv.bias": torch.tensor([0.1, -0.2, 0.3]),
    }
    told = {"operator_config": {"name": "gaussian_blur"}, "noise_config": {"sigma": 0.05}}
    path = tmp_path / "sevenc.ckpt"
    torch.save({"state_dict": found, "hyper_parameters": told}, path)
    monkeypatch.setattr(_published, "FirstStage", lambda: SMALL)
    return path


def original_name(name: str) -> str:
    """The name in the authors' code of a layer that `diffusers` calls ``name``."""
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


def shape_of(old: str, value: Tensor) -> tuple[int, ...]:
    """The shape in the file, where the layers of attention are convolutions."""
    convolution = "attn_1" in old and value.ndim == 2
    return (*value.shape, 1, 1) if convolution else tuple(value.shape)


def problem(first_stage: Any, operator: Any, y: Tensor) -> Problem:
    coder = NetworkAutoencoder(first_stage, "vq", (3, 16, 16), 1.0)
    prior = Latent(Gaussian(torch.zeros(3, 8, 8), torch.eye(192)), coder)
    return Problem(prior, operator, y, 0.1, torch.arange(len(y)))


def test_the_estimate_is_the_code_and_the_variance_a_mean_square(file, first_stage) -> None:
    y = torch.randn(9, 3, 16, 16, dtype=torch.float64)  # more than one batch
    found = Encoder(str(file)).estimate(problem(first_stage, Denoising((3, 16, 16)), y))
    with torch.no_grad():
        z = first_stage.encode(y.float()).latents
    torch.testing.assert_close(found.estimate, z.double(), rtol=1e-4, atol=1e-5)
    state = torch.load(file, weights_only=True)["state_dict"]
    weight, bias = state["std_conv.weight"][:, :, 0, 0], state["std_conv.bias"]
    s = torch.einsum("ij,bjhw->bihw", weight, z) + bias[:, None, None]
    torch.testing.assert_close(found.variance, s.square().mean((1, 2, 3)).double(), rtol=1e-4, atol=1e-6)
    assert Encoder(str(file)).trained_for() == {}


def test_hidden_entries_are_black_and_noisy_as_in_its_training(file, first_stage) -> None:
    keep = torch.ones(1, 1, 16, 16, dtype=torch.float64)
    keep[..., 8:, :] = 0
    y = torch.rand(2, 3, 16, 16, dtype=torch.float64) * keep
    asked = problem(first_stage, Inpainting(keep, (3, 16, 16)), y)
    seen = _published.filled(y, keep.expand_as(y), 0.1, asked.items)
    assert torch.equal(seen[:, :, :8], y[:, :, :8])
    hidden = seen[:, :, 8:]
    assert abs(float(hidden.mean()) + 1) < 0.02 and abs(float(hidden.std()) - 0.1) < 0.02
    assert torch.equal(_published.filled(y[1:], keep.expand_as(y[1:]), 0.1, asked.items[1:]), seen[1:])
    with torch.no_grad():
        expected = first_stage.encode(seen.float()).latents
    found = Encoder(str(file)).estimate(asked).estimate
    torch.testing.assert_close(found, expected.double(), rtol=1e-4, atol=1e-5)


def test_other_files_and_other_states_are_refused(file, first_stage, tmp_path) -> None:
    state = torch.load(file, weights_only=True)["state_dict"]
    for wrong, told in (
        ({k: v for k, v in state.items() if k != "std_conv.bias"}, r"missing key std_conv\.bias"),
        (state | {"post_quant_conv.bias": torch.zeros(3)}, r"unexpected key post_quant_conv\.bias"),
    ):
        path = tmp_path / "wrong.ckpt"
        torch.save(wrong, path)
        with pytest.raises(PosterityError, match=told):
            _published.load(path)
    small = Gaussian(torch.zeros(3, 16, 16), torch.eye(768))
    y = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    with pytest.raises(PosterityError, match=r"estimates states of shape \(3, 8, 8\) from .*, not \(3, 16, 16\)"):
        Encoder(str(file)).estimate(Problem(small, Denoising((3, 16, 16)), y, 0.1, torch.arange(1)))


def test_the_published_encoder_has_the_size_of_its_file() -> None:
    """About 85 MB in single precision."""
    card = FirstStage().card()
    network = _published._Network(build(card["architecture"], "", card["family"], networks.REGISTRY), 3)
    assert 4 * sum(p.numel() for p in network.parameters()) == pytest.approx(85e6, rel=0.06)
