"""guided-diffusion's networks: azula carries the original code; on the same weights ours gives the same numbers."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.priors import checkpoints
from posterity.priors.checkpoints.adm import Adm
from posterity.priors.loading import build, fill

unet = pytest.importorskip("azula.plugins.adm._src.unet")
SMALL: dict[str, Any] = {
    "size": 32,
    "channels": 32,
    "multipliers": (1, 1, 2),
    "blocks": 1,
    "attention": (8,),
    "head": 16,
}


def original(classes: int | None = None, learned: bool = True, new: bool = False, **changes: Any) -> nn.Module:
    """The original network at reduced width, all its weights random, also those that it starts at zero."""
    how = SMALL | changes
    network = unet.UNetModel(
        image_size=how["size"], in_channels=3, model_channels=how["channels"], out_channels=6 if learned else 3,
        num_res_blocks=how["blocks"], attention_resolutions=[how["size"] // a for a in how["attention"]],
        channel_mult=how["multipliers"], num_classes=classes, num_head_channels=how["head"],
        use_scale_shift_norm=True, resblock_updown=True, use_new_attention_order=new,
    )  # fmt: skip
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.1 * torch.randn(p.shape, generator=rng))
    return network.eval()


def ours(layout: Adm, state: dict[str, Tensor]) -> nn.Module:
    network = build(layout.card()["architecture"], "small")
    fill(network, layout.convert(state, "small"), "small")
    return network.eval()


CASES: list[dict[str, Any]] = [
    {},
    {"learned": False},
    {"classes": 7},
    {"new": True},
    {"classes": 7, "blocks": 2, "attention": (32, 16, 8), "multipliers": (1, 2, 3)},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_original_and_ours_agree(case: dict[str, Any]) -> None:
    theirs = original(**case)
    layout = Adm(**(SMALL | {k: v for k, v in case.items() if k in SMALL}), classes=case.get("classes"),
                 learned_variance=case.get("learned", True), new_attention_order=case.get("new", False))  # fmt: skip
    state = theirs.state_dict()
    network = ours(layout, state)
    assert sum(v.numel() for v in state.values()) == sum(p.numel() for p in network.parameters())
    x, t = torch.randn(2, 3, 32, 32), torch.tensor([3, 871])
    y = torch.tensor([2, 6]) if case.get("classes") else None
    with torch.no_grad():
        expected = theirs(x, t, y)
        found = network(x, t.float(), class_labels=y, return_dict=False)[0]
    assert expected.std() > 0.05  # a network that says something
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_wrong_attention_order_would_be_seen() -> None:
    theirs = original()
    network = ours(Adm(**SMALL, new_attention_order=True), theirs.state_dict())
    x, t = torch.randn(1, 3, 32, 32), torch.tensor([100])
    with torch.no_grad():
        assert (theirs(x, t) - network(x, t, return_dict=False)[0]).abs().max() > 1e-3


def test_the_published_networks_have_the_published_shapes() -> None:
    """Parameter counts of the real sizes, without a weight: the architecture is complete."""
    count = lambda layout: sum(p.numel() for p in build(layout.card()["architecture"], "").parameters())  # noqa: E731
    with torch.device("meta"):
        full = unet.UNetModel(256, 3, 256, 6, 2, [8, 16, 32], channel_mult=(1, 1, 2, 2, 4, 4), num_head_channels=64,
                              use_scale_shift_norm=True, resblock_updown=True)  # fmt: skip
    assert count(Adm()) == sum(p.numel() for p in full.parameters())
    assert count(Adm(channels=128, blocks=1, attention=(16,))) == pytest.approx(94e6, rel=0.01)


def test_a_saved_file_is_converted(tmp_path: Any) -> None:
    theirs = original()
    torch.save(theirs.state_dict(), tmp_path / "model.pt")
    state, card = checkpoints.convert("adm", SMALL, tmp_path / "model.pt")
    assert card["learned_variance"]
    torch.testing.assert_close(state["conv_in.weight"], theirs.state_dict()["input_blocks.0.0.weight"])


def without(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: without(s, "out.2.bias"), "missing key out.2.bias"),
        (lambda s: s | {"ema": torch.zeros(1)}, "unexpected key ema"),
        (lambda s: s | {"out.2.bias": torch.full((6,), math.nan)}, "conv_out.bias holds values that are not finite"),
        (lambda s: s | {"out.2.bias": torch.zeros(3)}, r"conv_out.bias has shape \(3,\), expected \(6,\)"),
        (lambda s: {"state": s}, "does not hold a state dict"),
        (lambda s: {"class": Adm()}, "is refused, it is not a plain file of tensors"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Any, change: Any, words: str) -> None:
    path = tmp_path / "model.pt"
    torch.save(change(original().state_dict()), path)
    with pytest.raises(PosterityError, match=words) as raised:
        checkpoints.convert("adm", SMALL, path)
    assert "\n" not in str(raised.value)


def test_truncated_and_absent_files_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "model.pt"
    torch.save(original().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(PosterityError, match="not a whole checkpoint"):
        checkpoints.convert("adm", SMALL, path)
    with pytest.raises(PosterityError, match="not a whole checkpoint"):
        checkpoints.convert("adm", SMALL, tmp_path / "absent.pt")
    with pytest.raises(PosterityError, match=r"'magic' is none of adm, ddpm, edm, ldm, .*, hub"):
        checkpoints.convert("magic", {}, path)
    with pytest.raises(PosterityError, match="width"):
        checkpoints.convert("adm", {"width": 3}, path)
