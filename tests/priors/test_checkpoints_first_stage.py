"""First stages of latent diffusion: the original passes, written out here, give ours on the same random weights."""

import json
import math
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors import checkpoints
from posterity.priors.autoencoders import networks
from posterity.priors.autoencoders.network import NetworkAutoencoder, load
from posterity.priors.checkpoints.first_stage import PRESETS, FirstStage
from posterity.priors.loading import build
from posterity.stages import convert_autoencoder

SMALL: dict[str, dict[str, Any]] = {
    "vq-f4": {"size": 16, "channels": 32, "multipliers": (1, 2), "blocks": 1, "codes": 20},
    "kl-f8": {"size": 16, "channels": 32, "multipliers": (1, 2, 2)},
    "vq-f8": {"size": 16, "channels": 32, "multipliers": (1, 2, 2), "attention": (8,), "codes": 20},
}


def layout(family: str) -> FirstStage:
    return FirstStage(**{**PRESETS[family], **SMALL[family]})


def weights(family: str) -> dict[str, Tensor]:
    """Random weights under the original names, made from the architecture's description alone."""
    rng, out, how = torch.Generator().manual_seed(0), {}, layout(family)

    def layer(name: str, *shape: int) -> None:
        out[f"{name}.weight"] = torch.randn(shape, generator=rng) * (0.3 if len(shape) == 1 else 1 / math.sqrt(
            math.prod(shape[1:])))  # fmt: skip
        out[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=rng)

    def residual(name: str, cin: int, cout: int) -> None:
        layer(f"{name}.norm1", cin)
        layer(f"{name}.conv1", cout, cin, 3, 3)
        layer(f"{name}.norm2", cout)
        layer(f"{name}.conv2", cout, cout, 3, 3)
        if cin != cout:
            layer(f"{name}.nin_shortcut", cout, cin, 1, 1)

    def attention(name: str, c: int) -> None:
        layer(f"{name}.norm", c)
        for part in ("q", "k", "v", "proj_out"):
            layer(f"{name}.{part}", c, c, 1, 1)

    def middle(half: str, c: int) -> None:
        residual(f"{half}.mid.block_1", c, c)
        attention(f"{half}.mid.attn_1", c)
        residual(f"{half}.mid.block_2", c, c)

    widths, k = [how.channels * m for m in how.multipliers], how.components
    z = 2 * k if how.family == "kl" else k
    layer("encoder.conv_in", widths[0], 3, 3, 3)
    c = widths[0]
    for level, width in enumerate(widths):
        for block in range(how.blocks):
            residual(f"encoder.down.{level}.block.{block}", c, width)
            c = width
            if how.attends[level]:
                attention(f"encoder.down.{level}.attn.{block}", c)
        if level + 1 < len(widths):
            layer(f"encoder.down.{level}.downsample.conv", c, c, 3, 3)
    middle("encoder", c)
    layer("encoder.norm_out", c)
    layer("encoder.conv_out", z, c, 3, 3)
    layer("quant_conv", z, z, 1, 1)
    layer("post_quant_conv", k, k, 1, 1)
    if how.family == "vq":
        out["quantize.embedding.weight"] = torch.randn(how.codes, k, generator=rng)
    layer("decoder.conv_in", c, k, 3, 3)
    middle("decoder", c)
    for level in reversed(range(len(widths))):
        for block in range(how.blocks + 1):
            residual(f"decoder.up.{level}.block.{block}", c, widths[level])
            c = widths[level]
            if how.attends[level]:
                attention(f"decoder.up.{level}.attn.{block}", c)
        if level > 0:
            layer(f"decoder.up.{level}.upsample.conv", c, c, 3, 3)
    layer("decoder.norm_out", c)
    layer("decoder.conv_out", 3, c, 3, 3)
    return out


class Original:
    """Encoder and decoder of Rombach et al. 2022, App. E, in the conventions of the authors' code."""

    def __init__(self, w: dict[str, Tensor], how: FirstStage) -> None:
        self.w, self.how = w, how

    def conv(self, name: str, h: Tensor, padding: int = 1, stride: int = 1) -> Tensor:
        return F.conv2d(h, self.w[f"{name}.weight"], self.w[f"{name}.bias"], stride, padding)

    def norm(self, name: str, h: Tensor) -> Tensor:
        return F.group_norm(h, 32, self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-6)

    def residual(self, name: str, h: Tensor) -> Tensor:
        out = self.conv(f"{name}.conv1", F.silu(self.norm(f"{name}.norm1", h)))
        out = self.conv(f"{name}.conv2", F.silu(self.norm(f"{name}.norm2", out)))
        return out + (self.conv(f"{name}.nin_shortcut", h, 0) if f"{name}.nin_shortcut.weight" in self.w else h)

    def attention(self, name: str, h: Tensor) -> Tensor:
        q, k, v = (self.conv(f"{name}.{part}", self.norm(f"{name}.norm", h), 0).flatten(2) for part in "qkv")
        weight = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(h.shape[1]), dim=2)
        return h + self.conv(f"{name}.proj_out", (v @ weight.transpose(1, 2)).view_as(h), 0)

    def middle(self, half: str, h: Tensor) -> Tensor:
        h = self.attention(f"{half}.mid.attn_1", self.residual(f"{half}.mid.block_1", h))
        return self.residual(f"{half}.mid.block_2", h)

    def level(self, name: str, count: int, attends: bool, h: Tensor) -> Tensor:
        for block in range(count):
            h = self.residual(f"{name}.block.{block}", h)
            h = self.attention(f"{name}.attn.{block}", h) if attends else h
        return h

    def encode(self, x: Tensor) -> Tensor:
        """The mean of the codes' law, or the code before the book."""
        h, last = self.conv("encoder.conv_in", x), len(self.how.multipliers) - 1
        for level in range(last + 1):
            h = self.level(f"encoder.down.{level}", self.how.blocks, self.how.attends[level], h)
            if level < last:
                h = self.conv(f"encoder.down.{level}.downsample.conv", F.pad(h, (0, 1, 0, 1)), 0, 2)
        h = F.silu(self.norm("encoder.norm_out", self.middle("encoder", h)))
        found = self.conv("quant_conv", self.conv("encoder.conv_out", h), 0)
        return found[:, : self.how.components]

    def decode(self, z: Tensor) -> Tensor:
        """The image of the nearest codes of the book, where there is one."""
        if self.how.family == "vq":
            book = self.w["quantize.embedding.weight"]
            rows = z.movedim(1, -1)
            nearest = (rows[..., None, :] - book).square().sum(-1).argmin(-1)
            z = book[nearest].movedim(-1, 1)
        h = self.middle("decoder", self.conv("decoder.conv_in", self.conv("post_quant_conv", z, 0)))
        for level in reversed(range(len(self.how.multipliers))):
            h = self.level(f"decoder.up.{level}", self.how.blocks + 1, self.how.attends[level], h)
            if level > 0:
                h = self.conv(f"decoder.up.{level}.upsample.conv", F.interpolate(h, scale_factor=2.0))
        return self.conv("decoder.conv_out", F.silu(self.norm("decoder.norm_out", h)))


def converted(family: str, state: dict[str, Any], path: Any) -> tuple[NetworkAutoencoder, dict[str, Any]]:
    torch.save(state, path)
    found, card = checkpoints.convert_autoencoder(family, SMALL[family], path)
    network = build(card["architecture"], family, card["family"], networks.REGISTRY)
    network.load_state_dict(found, assign=True)
    return NetworkAutoencoder(network, card["family"], tuple(card["signal_shape"]), card["scale"]), card


@pytest.mark.parametrize("family", [*PRESETS])
def test_the_original_and_ours_agree(tmp_path: Any, family: str) -> None:
    state = weights(family)
    ours, card = converted(family, state, tmp_path / "model.ckpt")
    theirs = Original(state, layout(family))
    assert list(ours.state_shape) == card["state_shape"] and ours.scale == 1.0
    assert sum(v.numel() for v in state.values()) == sum(p.numel() for p in ours.network.parameters())
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        z = theirs.encode(x)
        torch.testing.assert_close(ours.encode(x), z, rtol=0, atol=1e-5 * float(z.abs().max()))
        shown = theirs.decode(z)
        torch.testing.assert_close(ours.decode(z), shown, rtol=0, atol=1e-4 * float(shown.abs().max()))
    assert z.std() > 0.05 and shown.std() > 0.05  # a network that says something


def test_the_published_networks_have_their_sizes() -> None:
    """Parameters of the published files, 55.3 and 83.7 million."""
    for family, millions in (("vq-f4", 55.3), ("kl-f8", 83.7)):
        card = FirstStage(**PRESETS[family]).card()
        network = build(card["architecture"], family, card["family"], networks.REGISTRY)
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(millions * 1e6, rel=0.01), family


def test_a_whole_model_tells_the_scale_and_callbacks_are_let_pass(tmp_path: Any) -> None:
    """As Lightning saves it: a state dict among other things, with a class of a package that need not be there."""
    state = weights("kl-f8")
    whole = {f"first_stage_model.{k}": v for k, v in state.items()}
    whole |= {"scale_factor": torch.tensor(0.25), "model.diffusion_model.out.0.weight": torch.ones(3)}
    callback = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning.callbacks.model_checkpoint"})
    package = ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    package.ModelCheckpoint = callback  # type: ignore[attr-defined]
    names = ["pytorch_lightning", "pytorch_lightning.callbacks", package.__name__]
    try:
        sys.modules |= dict.fromkeys(names, package)
        saved = {"state_dict": whole, "epoch": 3, "callbacks": {callback: {"best_model_score": torch.tensor(1.0)}}}
        torch.save(saved, tmp_path / "whole.ckpt")
    finally:
        for name in names:
            sys.modules.pop(name, None)
    found, card = checkpoints.convert_autoencoder("kl-f8", SMALL["kl-f8"], tmp_path / "whole.ckpt")
    alone, _ = converted("kl-f8", state | {"loss.logvar": torch.zeros(1)}, tmp_path / "alone.ckpt")
    assert card["scale"] == 0.25
    assert all(torch.equal(v, found[k]) for k, v in alone.network.state_dict().items())


def test_other_layers_and_scales_are_refused(tmp_path: Any) -> None:
    state = weights("vq-f4")
    for wrong, told in (
        (state | {"extra": torch.zeros(1)}, "unexpected key extra"),
        (state | {"scale_factor": torch.tensor(0.0)}, r"scale_factor 0\.0 is not a positive number"),
        ({k: v for k, v in state.items() if "attn_1.q" not in k}, r"missing key encoder\.mid\.attn_1\.q\.weight"),
        (weights("kl-f8"), "is of another architecture"),
    ):
        with pytest.raises(PosterityError, match=told):
            converted("vq-f4", wrong, tmp_path / "wrong.ckpt")
    with pytest.raises(PosterityError, match="checkpoint family 'vq-f3' is none of vq-f4, kl-f8, vq-f8, hub"):
        checkpoints.convert_autoencoder("vq-f3", {}, tmp_path / "wrong.ckpt")


def test_the_stage_converts_once_to_what_is_loaded(tmp_path: Any) -> None:
    source, output = tmp_path / "model.ckpt", tmp_path / "mine" / "weights.safetensors"
    torch.save(weights("vq-f4"), source)
    small = {k: list(v) if isinstance(v, tuple) else v for k, v in SMALL["vq-f4"].items()}
    settings = {"autoencoder": "mine", "family": "vq-f4", "settings": small, "about": "of a test"}
    convert_autoencoder.run(settings, source=source, output=output)
    loaded, card = load(output), json.loads(output.with_name("card.json").read_text())
    assert (card["autoencoder"], card["about"], card["source"]["file"]) == ("mine", "of a test", "model.ckpt")
    x = torch.rand(1, 3, 16, 16)
    z = Original(weights("vq-f4"), layout("vq-f4")).encode(x)
    torch.testing.assert_close(loaded.encode(x), z, rtol=0, atol=1e-5 * float(z.abs().max()))
    before = output.stat().st_mtime_ns
    convert_autoencoder.run(settings, source=source, output=output)
    assert output.stat().st_mtime_ns == before
    with pytest.raises(PosterityError, match=r"model\.ckpt has SHA-256 .*, expected 000000000000…; get it again"):
        convert_autoencoder.run(settings | {"sha256": "0" * 64}, source=source, output=output)
    with pytest.raises(PosterityError, match=r"absent\.ckpt does not exist; of a test"):
        convert_autoencoder.run(settings, source=tmp_path / "absent.ckpt", output=output)


@pytest.mark.parametrize("family", ["kl", "vq"])
def test_what_diffusers_saved_is_what_is_loaded(tmp_path: Any, family: str) -> None:
    module = networks.REGISTRY.module(family)
    torch.manual_seed(0)
    known = layout("kl-f8" if family == "kl" else "vq-f8").card()
    theirs = module.build(**known["architecture"])
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    state, card = checkpoints.convert_autoencoder("hub", {"config": config, "scale": 0.5}, path)
    assert card["scale"] == 0.5 and card["family"] == family and card["state_shape"] == known["state_shape"]
    network = build(card["architecture"], "hub", family, networks.REGISTRY)
    network.load_state_dict(state, assign=True)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(module.encode(network.eval(), x), module.encode(theirs.eval(), x))
    with pytest.raises(PosterityError, match=r"describes a UNet2DModel for images of size 16, expected an? "):
        checkpoints.convert_autoencoder("hub", {"config": config | {"_class_name": "UNet2DModel"}}, path)
