"""EDM's ADM network: its forward pass, written out here from its description, gives ours on the same weights."""

import math
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors import checkpoints
from posterity.priors.base import Prior
from posterity.priors.checkpoints.edm import Edm
from posterity.priors.loading import build, fill
from posterity.priors.network import Network


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SMALL: dict[str, Any] = {"size": 16, "channels": 32, "multipliers": (1, 2), "blocks": 2, "attention": (8,), "head": 16}
LAYOUT = Edm(**SMALL, classes=5)


def weights() -> dict[str, Tensor]:
    """Random weights under the original names, made from the architecture's description alone."""
    rng, out = torch.Generator().manual_seed(0), {}

    def layer(name: str, *shape: int) -> None:
        out[f"model.{name}.weight"] = torch.randn(shape, generator=rng) * (0.3 if len(shape) == 1 else 1 / math.sqrt(
            math.prod(shape[1:])))  # fmt: skip
        out[f"model.{name}.bias"] = 0.1 * torch.randn(shape[0], generator=rng)

    def block(name: str, cin: int, cout: int, attends: bool = False) -> None:
        layer(f"{name}.norm0", cin)
        layer(f"{name}.conv0", cout, cin, 3, 3)
        layer(f"{name}.affine", 2 * cout, 128)
        layer(f"{name}.norm1", cout)
        layer(f"{name}.conv1", cout, cout, 3, 3)
        if cin != cout:
            layer(f"{name}.skip", cout, cin, 1, 1)
        if attends:
            layer(f"{name}.norm2", cout)
            layer(f"{name}.qkv", 3 * cout, cout, 1, 1)
            layer(f"{name}.proj", cout, cout, 1, 1)

    layer("map_layer0", 128, 32)
    layer("map_layer1", 128, 128)
    out["model.map_label.weight"] = torch.randn(128, 5, generator=rng)
    layer("enc.16x16_conv", 32, 3, 3, 3)
    block("enc.16x16_block0", 32, 32)
    block("enc.16x16_block1", 32, 32)
    block("enc.8x8_down", 32, 32)
    out["model.enc.8x8_down.conv0.resample_filter"] = torch.full((1, 1, 2, 2), 0.25)
    block("enc.8x8_block0", 32, 64, True)
    block("enc.8x8_block1", 64, 64, True)
    block("dec.8x8_in0", 64, 64, True)
    block("dec.8x8_in1", 64, 64)
    for k, skip in enumerate((64, 64, 32)):
        block(f"dec.8x8_block{k}", 64 + skip, 64, True)
    block("dec.16x16_up", 64, 64)
    for k, cin in enumerate((64, 32, 32)):
        block(f"dec.16x16_block{k}", cin + 32, 32)
    layer("out_norm", 32)
    layer("out_conv", 3, 32, 3, 3)
    return out


def original(state: dict[str, Tensor], x: Tensor, c_noise: Tensor, classes: Tensor | None) -> Tensor:
    """Karras et al. 2022, App. F.1: ADM's network with one-hot labels and the noise level as c_noise."""
    w = {key.removeprefix("model."): value for key, value in state.items()}

    def affine(name: str, h: Tensor) -> Tensor:
        return F.linear(h, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def conv(name: str, h: Tensor, padding: int = 1) -> Tensor:
        return F.conv2d(h, w[f"{name}.weight"], w[f"{name}.bias"], 1, padding)

    def norm(name: str, h: Tensor) -> Tensor:
        # 32 groups at the published widths, of 192 channels and more
        return F.group_norm(h, 8, w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    def resample(name: str, h: Tensor) -> Tensor:
        if name.endswith("down"):
            return F.avg_pool2d(h, 2)
        return h.repeat_interleave(2, 2).repeat_interleave(2, 3) if name.endswith("up") else h

    def block(name: str, h: Tensor) -> Tensor:
        out = conv(f"{name}.conv0", resample(name, F.silu(norm(f"{name}.norm0", h))))
        scale, shift = affine(f"{name}.affine", emb)[:, :, None, None].chunk(2, 1)
        out = conv(f"{name}.conv1", F.silu(norm(f"{name}.norm1", out) * (1 + scale) + shift))
        h = resample(name, h)
        h = out + (conv(f"{name}.skip", h, 0) if f"{name}.skip.weight" in w else h)
        if f"{name}.qkv.weight" not in w:
            return h
        b, c, height, width = h.shape
        # heads slowest, then the channel in the head, q, k and v fastest
        q, k, v = conv(f"{name}.qkv", norm(f"{name}.norm2", h), 0).reshape(b * c // 16, 16, 3, -1).unbind(2)
        weight = torch.softmax(q.transpose(1, 2) @ k / 4, dim=2)
        return h + conv(f"{name}.proj", (v @ weight.transpose(1, 2)).reshape(b, c, height, width), 0)

    angles = c_noise[:, None] * 10000.0 ** (-torch.arange(16) / 16)
    emb = F.silu(affine("map_layer0", torch.cat([angles.cos(), angles.sin()], 1)))
    emb = affine("map_layer1", emb)
    if classes is not None:
        emb = emb + affine("map_label", F.one_hot(classes, 5).float())
    emb = F.silu(emb)
    h = conv("enc.16x16_conv", x)
    skips = [h]
    for name in ("16x16_block0", "16x16_block1", "8x8_down", "8x8_block0", "8x8_block1"):
        h = block(f"enc.{name}", h)
        skips.append(h)
    h = block("dec.8x8_in1", block("dec.8x8_in0", h))
    for side in (8, 16):
        h = block("dec.16x16_up", h) if side == 16 else h
        for k in range(3):
            h = block(f"dec.{side}x{side}_block{k}", torch.cat([h, skips.pop()], 1))
    return conv("out_conv", F.silu(norm("out_norm", h)))


@pytest.mark.parametrize("conditional", [True, False])
def test_the_original_and_ours_agree(conditional: bool) -> None:
    state = weights()
    layout = Edm(**SMALL, classes=5 if conditional else None, groups=8)
    if not conditional:
        state.pop("model.map_label.weight")
    network = build(layout.card()["architecture"], "small")
    fill(network, layout.convert(state, "small"), "small")
    x, c_noise = torch.randn(2, 3, 16, 16), torch.tensor([-1.2, 0.7])
    classes = torch.tensor([0, 4]) if conditional else None
    with torch.no_grad():
        expected = original(state, x, c_noise, classes)
        found = network.eval()(x, c_noise, class_labels=classes, return_dict=False)[0]
    assert expected.std() > 0.05  # a network that says something
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_prior_is_the_preconditioned_denoiser() -> None:
    """D(x; σ) with the formulas of Karras et al. 2022, Table 1, at σ = √((1-ᾱ)/ᾱ) and x = x_t/√ᾱ."""
    state, layout, schedule = weights(), Edm(**SMALL, classes=5, groups=8), Schedule.linear()
    card = layout.card()
    network = build(card["architecture"], "small")
    fill(network, layout.convert(state, "small"), "small")
    prior = Network(network, schedule, (3, 16, 16), card["prediction"], card["sigma_data"], False, 2,
                    card["label_factor"])  # fmt: skip
    x_t = torch.randn(2, 3, 16, 16)
    for t in (5, 300, 800):
        sigma, x = schedule.level(t).sigma, x_t / math.sqrt(schedule.alpha_bar(t))
        both = sigma**2 + 0.25
        with torch.no_grad():
            f = original(state, x / math.sqrt(both), torch.full((2,), math.log(sigma) / 4), torch.tensor([2, 2]))
        expected = 0.25 / both * x + sigma * 0.5 / math.sqrt(both) * f
        with torch.no_grad():
            torch.testing.assert_close(denoised(prior, x_t, t), expected, rtol=1e-4, atol=1e-5)


def test_the_published_network_has_its_size() -> None:
    network = build(Edm().card()["architecture"], "")
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(296e6, rel=0.01)


def test_missing_and_surplus_layers_are_refused() -> None:
    state = weights()
    with pytest.raises(PosterityError, match=r"unexpected key map_augment\.weight"):
        LAYOUT.convert(state | {"model.map_augment.weight": torch.zeros(1)}, "small")
    state.pop("model.dec.8x8_in0.qkv.bias")
    with pytest.raises(PosterityError, match=r"missing key dec\.8x8_in0\.qkv\.bias"):
        LAYOUT.convert(state, "small")


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a pickle of the layout that EDM's code writes: a class of its own with its source beside its state."""
    persistence = types.ModuleType("torch_utils.persistence")

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
        raise AssertionError("the code in the pickle was about to run")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", persistence)

    class Persistent(nn.Module):
        def __reduce__(self) -> Any:
            state = {**self.__dict__, "_init_kwargs": {"gain": np.float64(0.5)}}
            meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": "X", "state": state}
            return _reconstruct_persistent_obj, (meta,)

    def write(path: Path, state: dict[str, Tensor], key: str = "ema") -> Path:
        root = Persistent()
        for whole, value in state.items():
            module: nn.Module = root
            *parents, name = whole.split(".")
            for depth, parent in enumerate(parents):
                if parent not in module._modules:
                    # the encoder and the decoder are containers of torch's own
                    module.add_module(
                        parent, nn.ModuleDict() if depth == 1 and parent in ("enc", "dec") else Persistent()
                    )
                module = module._modules[parent]  # type: ignore[assignment]
            if name == "resample_filter":
                module.register_buffer(name, value)
            else:
                module.register_parameter(name, nn.Parameter(value))
        path.write_bytes(pickle.dumps({key: root.requires_grad_(False)}))
        return path

    return write


def test_a_published_pickle_is_read_without_running_it(tmp_path: Path, published: Any) -> None:
    path = published(tmp_path / "edm.pkl", weights())
    assert b"raise SystemExit" in path.read_bytes()
    state, card = checkpoints.convert("edm", SMALL | {"classes": 5, "groups": 8}, path)
    assert card["prediction"] == "edm"
    expected = Edm(**SMALL, classes=5, groups=8).convert(weights(), "small")
    assert state.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in state.items())


def test_mats_pickle_is_read_in_the_same_way(tmp_path: Path, published: Any) -> None:
    state = {"synthesis.enc.conv.weight": torch.rand(3, 4), "mapping.fc0.bias": torch.rand(5)}
    found = checkpoints.read(published(tmp_path / "mat.pkl", state, "G_ema"))
    assert found.keys() == state.keys() and all(torch.equal(value, state[key]) for key, value in found.items())


def test_other_pickles_are_refused(tmp_path: Path, published: Any) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "edm.pkl"
    whole = published(path, weights()).read_bytes()
    for content, words in (
        (pickle.dumps({"ema": Evil()}), "it names pathlib"),
        (pickle.dumps({"ema": 1}), "it has no 'ema'"),
        (whole[: len(whole) // 2], "not a pickled network of EDM"),
        (b"", "not a pickled network of EDM"),
    ):
        path.write_bytes(content)
        with pytest.raises(PosterityError, match=words) as raised:
            checkpoints.read(path)
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()
