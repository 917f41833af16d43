"""Stage "convert": a published file becomes weights with a card, once, and is then a prior like any other."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.base import Prior
from posterity.priors.checkpoints.ddpm import Ddpm
from posterity.priors.loading import build, load
from posterity.stages import convert


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SIZES: dict[str, Any] = {"size": 16, "channels": 32, "multipliers": [1, 2], "blocks": 1, "attention": [8]}


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A model of the hub: config.json and a file of tensors."""
    network = build(Ddpm(**SIZES).card()["architecture"], "").to_empty(device="cpu")
    rng = torch.Generator().manual_seed(0)
    state = {k: 0.1 * torch.randn(v.shape, generator=rng) for k, v in network.state_dict().items()}
    torch.save(state, tmp_path / "diffusion_pytorch_model.bin")
    config = {"_class_name": "UNet2DModel", **Ddpm(**SIZES).card()["architecture"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path / "diffusion_pytorch_model.bin"


def run(source: Path, **changes: Any) -> Path:
    output = source.parent / "out" / "weights.safetensors"
    convert.run({"prior": "net", "family": "hub", "settings": {}} | changes, source=source, output=output)
    return output


def test_what_was_converted_is_a_prior(hub: Path) -> None:
    prior = load(run(hub))
    assert prior.signal_shape == (3, 16, 16)
    raw = torch.load(hub, weights_only=True)
    assert torch.equal(prior.network.state_dict()["conv_in.weight"], raw["conv_in.weight"])
    assert denoised(prior, torch.randn(2, 3, 16, 16), 300).isfinite().all()


def test_a_second_conversion_is_none(hub: Path) -> None:
    output = run(hub)
    before = output.stat().st_mtime_ns
    run(hub)
    assert output.stat().st_mtime_ns == before
    run(hub, settings={"schedule": "cosine"})
    assert output.stat().st_mtime_ns != before
    assert json.loads(output.with_name("card.json").read_text())["schedule"] == "cosine"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "has SHA-256 .*, expected 000000000000…; get it again"),
        ({"family": "adm"}, "missing key time_embed.0.weight"),
        ({"settings": {"width": 2}}, "width"),
    ],
)
def test_mistakes_leave_nothing_behind(hub: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PosterityError, match=words) as raised:
        run(hub, **changes)
    assert "\n" not in str(raised.value)
    assert not (hub.parent / "out").exists()


def test_absent_files_are_named(hub: Path) -> None:
    hub.with_name("config.json").unlink()
    with pytest.raises(PosterityError, match=r"config\.json, which must lie beside"):
        run(hub)
    hub.unlink()
    with pytest.raises(PosterityError, match="does not exist; from the authors"):
        run(hub, about="from the authors")
