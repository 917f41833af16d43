"""Ho-style networks and the hub's: the original forward pass, written out here, gives ours on the same weights."""

import json
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors import checkpoints
from posterity.priors.checkpoints.ddpm import Ddpm
from posterity.priors.checkpoints.hub import Hub
from posterity.priors.loading import build, fill

SMALL: dict[str, Any] = {"size": 16, "channels": 32, "multipliers": (1, 2, 2), "blocks": 2, "attention": (8,)}
LAYOUT = Ddpm(**SMALL)


def weights() -> dict[str, Tensor]:
    """Random weights under the original names, made from the architecture's description alone."""
    rng, out = torch.Generator().manual_seed(0), {}

    def layer(name: str, *shape: int) -> None:
        out[f"{name}.weight"] = torch.randn(shape, generator=rng) * (0.3 if len(shape) == 1 else 1 / math.sqrt(
            math.prod(shape[1:])))  # fmt: skip
        out[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=rng)

    def residual(name: str, cin: int, cout: int) -> None:
        layer(f"{name}.norm1", cin)
        layer(f"{name}.conv1", cout, cin, 3, 3)
        layer(f"{name}.temb_proj", cout, 128)
        layer(f"{name}.norm2", cout)
        layer(f"{name}.conv2", cout, cout, 3, 3)
        if cin != cout:
            layer(f"{name}.nin_shortcut", cout, cin, 1, 1)

    def attention(name: str, c: int) -> None:
        layer(f"{name}.norm", c)
        for part in ("q", "k", "v", "proj_out"):
            layer(f"{name}.{part}", c, c, 1, 1)

    layer("temb.dense.0", 128, 32)
    layer("temb.dense.1", 128, 128)
    layer("conv_in", 32, 3, 3, 3)
    widths, skips, c = [32, 64, 64], [32], 32
    for level, width in enumerate(widths):
        for block in range(2):
            residual(f"down.{level}.block.{block}", c, width)
            c = width
            if level == 1:
                attention(f"down.{level}.attn.{block}", c)
            skips.append(c)
        if level < 2:
            layer(f"down.{level}.downsample.conv", c, c, 3, 3)
            skips.append(c)
    residual("mid.block_1", c, c)
    attention("mid.attn_1", c)
    residual("mid.block_2", c, c)
    for level in (2, 1, 0):
        for block in range(3):
            residual(f"up.{level}.block.{block}", c + skips.pop(), widths[level])
            c = widths[level]
            if level == 1:
                attention(f"up.{level}.attn.{block}", c)
        if level > 0:
            layer(f"up.{level}.upsample.conv", c, c, 3, 3)
    layer("norm_out", c)
    layer("conv_out", 3, c, 3, 3)
    return out


def original(w: dict[str, Tensor], x: Tensor, t: Tensor) -> Tensor:
    """Ho et al. 2020, App. B, in the conventions of its PyTorch versions."""

    def affine(name: str, h: Tensor) -> Tensor:
        return F.linear(h, w[f"{name}.weight"], w[f"{name}.bias"])

    def conv(name: str, h: Tensor, padding: int = 1, stride: int = 1) -> Tensor:
        return F.conv2d(h, w[f"{name}.weight"], w[f"{name}.bias"], stride, padding)

    def norm(name: str, h: Tensor) -> Tensor:
        return F.group_norm(h, 32, w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    def residual(name: str, h: Tensor) -> Tensor:
        out = conv(f"{name}.conv1", F.silu(norm(f"{name}.norm1", h)))
        out = out + affine(f"{name}.temb_proj", F.silu(emb))[:, :, None, None]
        out = conv(f"{name}.conv2", F.silu(norm(f"{name}.norm2", out)))
        return out + (conv(f"{name}.nin_shortcut", h, 0) if f"{name}.nin_shortcut.weight" in w else h)

    def attention(name: str, h: Tensor) -> Tensor:
        q, k, v = (conv(f"{name}.{part}", norm(f"{name}.norm", h), 0).flatten(2) for part in "qkv")
        weight = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(h.shape[1]), dim=2)
        return h + conv(f"{name}.proj_out", (v @ weight.transpose(1, 2)).view_as(h), 0)

    angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(16) / 15)
    emb = affine("temb.dense.1", F.silu(affine("temb.dense.0", torch.cat([angles.sin(), angles.cos()], 1))))
    h = conv("conv_in", x)
    skips = [h]
    for level in range(3):
        for block in range(2):
            h = residual(f"down.{level}.block.{block}", h)
            h = attention(f"down.{level}.attn.{block}", h) if level == 1 else h
            skips.append(h)
        if level < 2:
            h = conv(f"down.{level}.downsample.conv", F.pad(h, (0, 1, 0, 1)), 0, 2)
            skips.append(h)
    h = residual("mid.block_2", attention("mid.attn_1", residual("mid.block_1", h)))
    for level in (2, 1, 0):
        for block in range(3):
            h = residual(f"up.{level}.block.{block}", torch.cat([h, skips.pop()], 1))
            h = attention(f"up.{level}.attn.{block}", h) if level == 1 else h
        if level > 0:
            h = conv(f"up.{level}.upsample.conv", F.interpolate(h, scale_factor=2.0))
    return conv("conv_out", F.silu(norm("norm_out", h)))


def test_the_original_and_ours_agree() -> None:
    state = weights()
    network = build(LAYOUT.card()["architecture"], "small")
    fill(network, LAYOUT.convert(state, "small"), "small")
    assert sum(v.numel() for v in state.values()) == sum(p.numel() for p in network.parameters())
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([3.0, 871.0])
    with torch.no_grad():
        expected = original(state, x, t)
        found = network.eval()(x, t, return_dict=False)[0]
    assert expected.std() > 0.05  # a network that says something
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_published_network_has_its_size() -> None:
    network = build(Ddpm().card()["architecture"], "")
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(114e6, rel=0.01)


def test_missing_and_surplus_layers_are_refused() -> None:
    state = weights()
    with pytest.raises(PosterityError, match=r"unexpected key ema\.decay"):
        LAYOUT.convert(state | {"ema.decay": torch.zeros(1)}, "small")
    state.pop("up.1.attn.2.q.weight")
    with pytest.raises(PosterityError, match=r"missing key up\.1\.attn\.2\.q\.weight"):
        LAYOUT.convert(state, "small")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_what_diffusers_saved_is_what_is_loaded(tmp_path: Any, suffix: str, old: bool) -> None:
    """Today's names, and those of attention layers before 2023, which `diffusers` still reads."""
    from diffusers.models.unets.unet_2d import UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(**LAYOUT.card()["architecture"])
    network.save_pretrained(tmp_path, safe_serialization=suffix == "safetensors")
    path = tmp_path / f"diffusion_pytorch_model.{suffix}"
    if old:
        names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        state = {}
        for key, value in checkpoints.read(path).items():
            for new, before in names.items():
                key = key.replace(f".{new}.", f".{before}.")
            state[key] = value
        assert any("query" in key for key in state)
        if suffix == "bin":
            torch.save(state, path)
        else:
            from safetensors.torch import save_file

            save_file(state, path, {"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    state, card = checkpoints.convert("hub", {"config": config}, path)
    ours = build(card["architecture"], "hub")
    fill(ours, state, "hub")
    theirs = UNet2DModel.from_pretrained(tmp_path, use_safetensors=suffix == "safetensors")
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([400])
    with torch.no_grad():
        assert torch.equal(ours.eval()(x, t, return_dict=False)[0], theirs.eval()(x, t, return_dict=False)[0])


def test_other_models_of_the_hub_are_refused() -> None:
    with pytest.raises(PosterityError, match="describes a UNet2DConditionModel"):
        Hub({"_class_name": "UNet2DConditionModel", "sample_size": 64}).card()
    with pytest.raises(PosterityError, match="5 channels come out of 3"):
        Hub({"_class_name": "UNet2DModel", "sample_size": 64, "out_channels": 5}).card()
