"""Networks of latent diffusion: on the same random weights the original network and ours give the same numbers.

azula carries guided-diffusion's code, which latent diffusion's began as; attention to a context is written out here.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.priors import checkpoints, networks
from posterity.priors.checkpoints.ldm import PRESETS, Ldm
from posterity.priors.loading import SCHEDULES, build, load, prior
from posterity.stages import convert

unet = pytest.importorskip("azula.plugins.adm._src.unet")

CLASSES, CONTEXT = 5, 12
SMALL: dict[str, dict[str, Any]] = {
    "ldm": {"size": 16, "channels": 32, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "head": 16},
    "ldm-churches": {"size": 16, "channels": 32, "multipliers": (1, 2, 4), "blocks": 1, "attention": (16, 8),
                     "heads": 4},
    "ldm-cin256-v2": {"size": 16, "channels": 32, "multipliers": (1, 3), "attention": (8,), "classes": CLASSES},
    "ldm-cin256": {"size": 8, "channels": 32, "multipliers": (1, 2), "blocks": 1, "attention": (8, 4), "head": 16,
                   "classes": CLASSES},
}  # fmt: skip
for conditional in ("ldm-cin256-v2", "ldm-cin256"):
    SMALL[conditional]["context"] = CONTEXT


def layout(family: str) -> Ldm:
    return Ldm(**{**PRESETS[family], **SMALL[family]})


class Attention(nn.Module):
    """softmax(QKᵀ/√d)V over heads, of h and of the context or h itself (Rombach et al. 2022, Eq. 1)."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = (nn.Linear(context, width, bias=False) for _ in range(2))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, h: Tensor, context: Tensor) -> Tensor:
        q, k, v = (f.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for f in (self.to_q(h), self.to_k(context), self.to_v(context)))  # fmt: skip
        weight = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[3]), dim=3)
        out: Tensor = self.to_out[0]((weight @ v).transpose(1, 2).flatten(2))
        return out


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, h: Tensor) -> Tensor:
        h, gate = self.proj(h).chunk(2, -1)
        return h * F.gelu(gate)


class Block(nn.Module):
    """Self-attention, attention to the context and a gated network, each beside what goes in (App. E.2.1)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn1, self.attn2 = Attention(width, width, heads), Attention(width, CONTEXT, heads)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.ff = nn.Module()
        self.ff.net = nn.ModuleList([Gated(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, h: Tensor, context: Tensor) -> Tensor:
        own = self.norm1(h)
        h = h + self.attn1(own, own)
        h = h + self.attn2(self.norm2(h), context)
        return h + self.ff.net[2](self.ff.net[0](self.norm3(h)))


class Transformer(nn.Module):
    context: Tensor

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([Block(width, heads)])

    def forward(self, x: Tensor) -> Tensor:
        h = self.proj_in(self.norm(x))
        out = self.transformer_blocks[0](h.flatten(2).transpose(1, 2), self.context)
        return x + self.proj_out(out.transpose(1, 2).unflatten(2, h.shape[2:]))


def original(family: str) -> nn.Module:
    """The original network at reduced width, all its weights random, also those that it starts at zero."""
    how = layout(family)
    network = unet.UNetModel(
        image_size=how.size, in_channels=how.components, model_channels=how.channels, out_channels=how.components,
        num_res_blocks=how.blocks, attention_resolutions=[how.size // a for a in how.attention],
        channel_mult=how.multipliers, num_heads=how.heads or 1, num_head_channels=-1 if how.heads else how.head,
        use_scale_shift_norm=how.scale_shift, resblock_updown=how.scale_shift,
    )  # fmt: skip
    if how.classes is not None:
        for parent in list(network.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, unet.AttentionBlock):
                    setattr(parent, name, Transformer(layer.channels, layer.num_heads))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.1 * torch.randn(p.shape, generator=rng))
    return network.eval()


def whole(theirs: nn.Module, family: str) -> dict[str, Tensor]:
    """As the authors' files hold it: raw and averaged weights, the first stage, the table of classes."""
    raw = {f"model.diffusion_model.{k}": v for k, v in theirs.state_dict().items()}
    found = raw | {"first_stage_model.encoder.conv_in.bias": torch.zeros(3), "betas": torch.zeros(1000)}
    if layout(family).classes is not None:
        table = torch.randn(CLASSES, CONTEXT, generator=torch.Generator().manual_seed(1))
        return found | {"cond_stage_model.embedding.weight": table}
    averaged = {"model_ema." + k.removeprefix("model.").replace(".", ""): v for k, v in raw.items()}
    wrong = {k: v + 1 for k, v in raw.items()}  # what is sampled with is the average
    return found | wrong | averaged | {"model_ema.decay": torch.tensor(0.9), "model_ema.num_updates": torch.tensor(7)}


@pytest.mark.parametrize("family", PRESETS)
def test_the_original_and_ours_agree(tmp_path: Path, family: str) -> None:
    theirs, path = original(family), tmp_path / "model.ckpt"
    state = whole(theirs, family)
    torch.save({"state_dict": state}, path)
    found, card = checkpoints.convert(family, SMALL[family], path)
    ours = build(card["architecture"], family, card.get("family", networks.DEFAULT))
    ours.load_state_dict(found, assign=True)
    x, t = torch.randn(2, *card["signal_shape"]), torch.tensor([1, 750])
    classes = torch.tensor([2, card["null_class"]]) if "null_class" in card else None
    count = sum(v.numel() for v in theirs.state_dict().values())
    if classes is not None:
        table = state["cond_stage_model.embedding.weight"]
        Transformer.context, count = table[classes][:, None], count + table.numel()
    assert sum(p.numel() for p in ours.parameters()) == count
    options = {} if classes is None else {"class_labels": classes}
    with torch.no_grad():
        expected, got = theirs(x, t), ours.eval()(x, t.float(), return_dict=False, **options)[0]
    assert expected.std() > 0.05  # a network that says something
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    if classes is not None:
        with torch.no_grad():
            other = ours(x, t.float(), classes.flip(0))[0]
        assert (other - got).abs().max() > 1e-3  # the class is read


def test_heads_of_another_number_would_be_seen() -> None:
    theirs = original("ldm-churches")
    x, t = torch.randn(1, 4, 16, 16), torch.tensor([100])
    for heads in (4, 8):
        how = Ldm(**{**PRESETS["ldm-churches"], **SMALL["ldm-churches"], "heads": heads})
        network = build(how.card()["architecture"], "small")
        state = how.convert(theirs.state_dict(), "small")
        network.load_state_dict(state, assign=True)
        with torch.no_grad():
            differs = float((theirs(x, t) - network.eval()(x, t, return_dict=False)[0]).abs().max())
        assert (differs < 1e-4) == (heads == 4)


def test_the_published_networks_have_their_sizes() -> None:
    """Millions of parameters as Rombach et al. 2022 print them; of ImageNet's with its table of classes."""
    for family, millions in (("ldm", 274), ("ldm-churches", 294), ("ldm-cin256-v2", 400)):
        card = Ldm(**PRESETS[family]).card()
        network = build(card["architecture"], family, card.get("family", networks.DEFAULT))
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(millions * 1e6, rel=0.01), family


@pytest.mark.parametrize(
    ("family", "t", "expected"), [("ldm", 550, 12.2882), ("ldm", 999, 7026.21), ("ldm-churches", 550, 8.48286)]
)
def test_each_has_its_schedule(family: str, t: int, expected: float) -> None:
    """1/SNR of schedules linear in √β from 0.0015 to 0.0195 and to 0.0155, computed independently."""
    how = layout(family)
    network = build(how.card()["architecture"], family).to_empty(device="cpu")
    level = prior(network, how.card()).schedule.level(t)
    assert 1 / level.snr == pytest.approx(expected, rel=1e-5)
    assert SCHEDULES["scaled_linear"]().level(t).snr != pytest.approx(level.snr, rel=0.1)


def test_the_raw_weights_are_a_setting(tmp_path: Path) -> None:
    theirs, path = original("ldm"), tmp_path / "model.ckpt"
    torch.save(whole(theirs, "ldm"), path)
    averaged, raw = (checkpoints.convert("ldm", SMALL["ldm"] | {"averaged": a}, path)[0] for a in (True, False))
    torch.testing.assert_close(raw["conv_in.weight"], averaged["conv_in.weight"] + 1)
    assert torch.equal(averaged["conv_in.weight"], theirs.state_dict()["input_blocks.0.0.weight"])


def without(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if k != key}


RAW, SHADOW = "model.diffusion_model.", "model_ema.diffusion_model"


@pytest.mark.parametrize(
    ("family", "change", "words"),
    [
        ("ldm", lambda s: without(s, SHADOW + "out2bias"), "missing key model_ema.diffusion_modelout2bias"),
        ("ldm", lambda s: s | {SHADOW + "more": torch.zeros(1)}, "unexpected key model_ema.diffusion_modelmore"),
        ("ldm", lambda s: {"time_embed.0.bias": torch.zeros(128)}, "missing key time_embed.0.weight"),
        ("ldm-cin256", lambda s: without(s, "cond_stage_model.embedding.weight"), "missing key cond_stage_model.emb"),
        ("ldm-cin256", lambda s: without(s, RAW + "input_blocks.1.1.proj_in.bias"), "missing key unet.down_blocks.0"),
        ("ldm-cin256", lambda s: s | {RAW + "input_blocks.1.1.more": torch.zeros(1)}, "unexpected key unet.down_bl"),
        ("ldm-cin256", lambda s: whole(original("ldm"), "ldm"), "of another architecture: "),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, family: str, change: Any, words: str) -> None:
    path = tmp_path / "model.ckpt"
    torch.save(change(whole(original(family), family)), path)
    with pytest.raises(PosterityError, match=words) as raised:
        checkpoints.convert(family, SMALL[family], path)
    assert "\n" not in str(raised.value)


def test_an_archive_of_one_checkpoint_is_opened(tmp_path: Path) -> None:
    inside, archive = tmp_path / "model.ckpt", tmp_path / "celeba.zip"
    torch.save({"state_dict": whole(original("ldm"), "ldm")}, inside)
    with zipfile.ZipFile(archive, "w") as file:
        file.write(inside, "model.ckpt")
    assert checkpoints.read(archive).keys() == checkpoints.read(inside).keys()
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("other.ckpt", b"")
    with pytest.raises(PosterityError, match=r"celeba\.zip holds 2 files \.ckpt, expected one"):
        checkpoints.read(archive)
    archive.write_bytes(b"PK")
    with pytest.raises(PosterityError, match=r"celeba\.zip is not a whole checkpoint"):
        checkpoints.read(archive)


def test_the_stage_makes_a_prior_of_each_photographs_class(tmp_path: Path) -> None:
    source, output = tmp_path / "model.ckpt", tmp_path / "mine" / "weights.safetensors"
    torch.save(whole(original("ldm-cin256"), "ldm-cin256"), source)
    small = {k: list(v) if isinstance(v, tuple) else v for k, v in SMALL["ldm-cin256"].items()}
    settings = {"prior": "mine", "family": "ldm-cin256", "settings": small, "about": "of a test"}
    convert.run(settings, source=source, output=output)
    found = load(output, label=2)
    x, level = torch.randn(2, 4, 8, 8), found.schedule.level(500)
    some = found.given(torch.tensor([2, 3]))
    with torch.no_grad():
        alike = torch.stack([some.predict(x, level).x0[0], found.predict(x, level).x0[0]])
        weighed = found.given(torch.tensor([2, 3]), 3.0).predict(x, level)
    torch.testing.assert_close(alike[0], alike[1])
    assert weighed.evaluations == 2 and (weighed.x0 - some.predict(x, level).x0).abs().max() > 1e-3
    with pytest.raises(PosterityError, match="needs a label from 0 to 4, label is None"):
        load(output)
