"""Networks that diffusers saved: a folder, the hub's cache, and what is said where neither is there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import posterity as po
from posterity.errors import PosterityError
from posterity.priors import loading

CONFIG = {
    "_class_name": "UNet2DModel", "sample_size": 8, "block_out_channels": [8, 16], "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "norm_num_groups": 4, "attention_head_dim": 8,
}  # fmt: skip
SCHEDULER = {"num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}
OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def weights(seed=0):
    """Of a small network, under the names that older files have."""
    generator = torch.Generator().manual_seed(seed)
    blank = loading.build(CONFIG, "a test").state_dict()
    state = {key: torch.randn(value.shape, generator=generator) * 0.05 for key, value in blank.items()}
    for new, old in OLD.items():
        state = {key.replace(f".{new}.", f".{old}.") if ".attentions." in key else key: x for key, x in state.items()}
    return state


def written(folder: Path, *, pipeline=False, config=CONFIG, scheduler=SCHEDULER, suffix="safetensors") -> Path:
    unet, rule = (folder / "unet", folder / "scheduler") if pipeline else (folder, folder)
    for path in (unet, rule):
        path.mkdir(parents=True, exist_ok=True)
    (unet / "config.json").write_text(json.dumps(config))
    (rule / "scheduler_config.json").write_text(json.dumps(scheduler))
    name = unet / f"diffusion_pytorch_model.{suffix}"
    save_file(weights(), name) if suffix == "safetensors" else torch.save(weights(), name)
    return folder


def asked(prior):
    x = torch.linspace(-1, 1, 192).reshape(1, 3, 8, 8)
    return prior.predict(x, prior.schedule.level(500)).x0


def test_a_folder_is_the_network_that_diffusers_saved(tmp_path):
    from diffusers.models.unets.unet_2d import UNet2DModel

    plain = po.prior(written(tmp_path / "plain"))
    piped = po.prior(str(written(tmp_path / "piped", pipeline=True, suffix="bin")))
    network = UNet2DModel(**{k: v for k, v in CONFIG.items() if k[0] != "_"})
    state = weights()
    for new, old in OLD.items():
        state = {key.replace(f".{old}.", f".{new}."): value for key, value in state.items()}
    network.load_state_dict(state)
    x = torch.linspace(-1, 1, 192).reshape(1, 3, 8, 8)
    with torch.no_grad():
        noise = network.eval()(x, 500).sample
    a = plain.schedule.level(500).alpha_bar
    torch.testing.assert_close(asked(plain), (x - (1 - a) ** 0.5 * noise) / a**0.5, atol=1e-5, rtol=1e-5)
    # not to the last bit: where a file's tensors lie in memory decides which kernels add them up
    torch.testing.assert_close(asked(plain), asked(piped), atol=1e-5, rtol=1e-5)
    assert plain.signal_shape == (3, 8, 8) and "SHA-256" in plain.about


def cached(folder: Path, name: str) -> None:
    """What the hub's own client leaves behind: blobs under their SHA-256, and links to them."""
    source = written(folder / "source")
    repository = folder / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "blobs").mkdir()
    for path in source.iterdir():
        content = path.read_bytes()
        blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / path.name).symlink_to(blob)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_what_the_cache_holds_needs_no_web(offline):
    cached(offline, "somebody/ddpm-tiny")
    found = po.prior("somebody/ddpm-tiny")
    assert torch.equal(asked(found), asked(po.prior(offline / "source")))
    assert found.name == "somebody/ddpm-tiny"
    assert found.about.startswith(f"somebody/ddpm-tiny on the hub, revision {'0' * 12}, weights with SHA-256")


def test_without_web_one_line_says_what_to_do(offline):
    with pytest.raises(PosterityError, match="is not on this machine and the hub cannot be reached") as error:
        po.prior("somebody/ddpm-absent")
    said = str(error.value)
    assert len(said.splitlines()) == 1
    assert "hf download somebody/ddpm-absent --local-dir FOLDER" in said


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": CONFIG | {"_class_name": "UNet2DConditionModel"}}, "describes a UNet2DConditionModel"),
        ({"config": CONFIG | {"block_out_channels": [8, 24]}}, "is of another architecture"),
        ({"scheduler": SCHEDULER | {"beta_end": 0.03}}, "'linear' from 0.0001 to 0.03 in 1000 steps is not supported"),
        ({"scheduler": SCHEDULER | {"prediction_type": "sample"}}, "prediction_type 'sample' is neither"),
    ],
)
def test_what_is_no_prior_is_one_line(tmp_path, change, told):
    with pytest.raises(PosterityError, match=told):
        po.prior(written(tmp_path, **change))


def test_a_folder_without_weights_or_settings_is_named(tmp_path):
    with pytest.raises(PosterityError, match=r"config\.json"):
        po.prior(tmp_path)
    (written(tmp_path) / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(PosterityError, match=r"holds neither diffusion_pytorch_model\.safetensors nor"):
        po.prior(tmp_path)
