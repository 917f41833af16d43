"""A network over the Gaussian: it starts as the Gaussian, learns what that leaves, and comes back from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from posterity import signals
from posterity.artifacts import signals as stored
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.priors import networks
from posterity.priors.loading import load
from posterity.priors.residual import Base
from posterity.priors.stationary import StationaryGaussian
from posterity.priors.training import Trainer, Training
from posterity.stages import _sheets, train

ECG = signals.find("ecg", 100.0)
SMALL: dict[str, Any] = {
    "steps": 60, "batch": 8, "family": "unet1d", "residual": True, "prediction": "edm", "sigma_data": 0.3,
    "flip": False, "crop": 32, "patch": 2, "channels": (16, 16), "layers": 1, "attention": (8,), "head": 8, "groups": 4,
    "log_sigma_mean": -1.5, "learning_rate": 0.003, "warm_up": 5, "average": 0.9,
}  # fmt: skip


def spikes(count: int = 24, time: int = 80) -> Tensor:
    """Periodic spikes in eight leads: as far from a Gaussian as beats are, at any phase."""
    rng = np.random.default_rng(0)
    out = torch.zeros(count, 8, time)
    mixing = torch.from_numpy(rng.uniform(0.5, 1.5, 8)).float()
    for x in out:
        x[:, int(rng.integers(0, 12)) :: 12] = mixing[:, None] * float(rng.uniform(0.8, 1.2))
    return out


def trainer(**changes: Any) -> Trainer:
    how = Training(**(SMALL | changes))
    torch.manual_seed(0)
    network = networks.build(how.family, how.architecture(8, how.crop or 80))
    return Trainer(network, spikes(), torch.ones(24), how)


def test_a_fresh_network_is_the_gaussian() -> None:
    fresh = trainer()
    gaussian = StationaryGaussian.estimate(spikes().unfold(2, 32, 16).movedim(2, 1).flatten(0, 1))
    prior = fresh.prior()
    assert prior.signal_shape == (8, 32)
    x_t = torch.randn(3, 8, 32, generator=torch.Generator().manual_seed(0)).double()
    for t in (10, 300, 900):
        level = prior.schedule.level(t)
        expected = gaussian.predict(x_t, level).x0
        torch.testing.assert_close(prior.predict(x_t, level).x0, expected, rtol=0, atol=1e-12)
        ours = gaussian.expected(x_t, torch.full((3,), level.alpha_bar, dtype=torch.float64))
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_the_gaussians_error_is_that_which_its_denoiser_makes() -> None:
    """On its own draws, within four standard errors of 4000 signals."""
    from posterity.diffusion.noise import Noise

    gaussian = StationaryGaussian.estimate(spikes())
    white = Noise(0, ["a"] * 4000, range(4000)).normal("start", 0, gaussian.signal_shape)
    x0 = gaussian.mean + gaussian.filter(white, gaussian.eigen[0].sqrt())
    z = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for alpha_bar in (0.99, 0.7, 0.1):
        a = torch.full((len(x0),), alpha_bar, dtype=torch.float64)
        left = gaussian.expected(alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * z, a) - x0
        squares = left.square().mean(dim=(1, 2))
        assert abs(squares.mean() - gaussian.error(a)[0] ** 2) < 4 * squares.std() / len(x0) ** 0.5


def test_it_learns_what_the_gaussian_leaves_and_a_loss_of_one_is_the_gaussians() -> None:
    t = trainer(steps=150)
    alone = t.held_out(spikes(), alone=True)
    assert alone == pytest.approx(1, abs=0.25) and t.held_out(spikes()) == pytest.approx(alone)
    for _ in range(150):
        t.advance()
    assert t.held_out(spikes()) < 0.5 * alone
    assert t.held_out(spikes(), alone=True) == alone


def test_crops_are_stretches_from_everywhere() -> None:
    ramp = torch.arange(80.0).expand(1, 8, 80)
    seen: list[Tensor] = []

    class Spy(Trainer):
        def _loss(self, network: Any, x0: Tensor, rng: np.random.Generator) -> Tensor:
            seen.append(x0)
            return super()._loss(network, x0, rng)

    how = Training(**(SMALL | {"batch": 200, "residual": False}))
    Spy(networks.build("unet1d", how.architecture(8, 32)), ramp, torch.ones(1), how).advance()
    starts = seen[0][:, 0, 0]
    assert (seen[0] == starts[:, None, None] + torch.arange(32)).all()
    assert set(starts.long().tolist()) <= set(range(49)) and len(starts.unique()) > 40


def test_the_nearest_stretch_is_found_at_any_shift() -> None:
    known = torch.randn(5, 8, 80, generator=torch.Generator().manual_seed(0))
    samples = torch.stack([known[k, :, start : start + 32] for k, start in ((0, 0), (3, 17), (4, 48))])
    found = _sheets.nearest(samples + 0.01, known, False)
    torch.testing.assert_close(found, samples)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spikes")
    splits = ["test" if k % 4 == 0 else "prior" for k in range(24)]
    rows = [
        {"dataset": "spikes", "item": f"i{k}", "split": split, "signal": stored.encode(x, ECG)}
        for k, (split, x) in enumerate(zip(splits, spikes(), strict=True))
    ]
    store.write(folder / "items.parquet", "items", rows, {})
    settings = {"prior": "spikes", "datasets": {"spikes": 1}, "split": "prior", "training": SMALL, "license": "CC0-1.0"}
    output = folder / "out" / "weights.safetensors"
    train.run(settings, inputs=[folder / "items.parquet"], output=output)
    return output


def test_what_is_written_loads_and_its_card_tells_both_losses(trained: Path) -> None:
    card = json.loads(trained.with_name("card.json").read_text())
    prior = load(trained)
    assert card["family"] == "unet1d" and card["residual"] and prior.signal_shape == (8, 32) and prior.base is not None
    alone = card["losses"]["held-out items, of the Gaussian alone"]
    assert 0 < card["losses"]["held-out items"] < alone == pytest.approx(1, abs=0.3)
    assert set(Base.KEYS) <= set(load_file(trained))
    from PIL import Image

    with Image.open(trained.with_name("nearest.png")) as sheet, Image.open(trained.with_name("samples.png")) as half:
        assert sheet.width > half.width


def test_a_file_without_its_gaussian_or_with_another_is_one_line(trained: Path, tmp_path: Path) -> None:
    from hashlib import sha256

    card, state = json.loads(trained.with_name("card.json").read_text()), load_file(trained)

    def said(state: dict[str, Tensor], **changes: Any) -> str:
        save_file(state, tmp_path / "weights.safetensors")
        digest = sha256((tmp_path / "weights.safetensors").read_bytes()).hexdigest()
        changed = card | {"weights": card["weights"] | {"sha256": digest}} | changes
        (tmp_path / "card.json").write_text(json.dumps(changed))
        with pytest.raises(PosterityError) as raised:
            load(tmp_path / "weights.safetensors")
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "lacks base.mean" in said({k: v for k, v in state.items() if k != "base.mean"})
    narrow = {k: v[..., :9].contiguous() if "spectrum" in k else v for k, v in state.items()}
    assert "its Gaussian is none of signals (8, 32)" in said(narrow)
    assert "family 'unet3d' is none of sashimi, unet1d, unet2d" in said(state, family="unet3d")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"residual": True, "prediction": "v"}, "residual = true: needs prediction edm, not v"),
        ({"family": "unet2d"}, "crop is for signals in time"),
        ({"crop": 96}, "crop = 96: the ECGs have 80 samples"),
        ({"crop": 30}, "no multiple of 4, a patch at the lowest resolution"),
        ({"flip": True}, "a mirrored ECG is not a valid ECG; set flip: false"),
        ({"family": "unet2d", "crop": None, "residual": False}, "family unet2d is not for an ECG of shape"),
    ],
)
def test_what_cannot_be_trained_is_one_line(trained: Path, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    settings = {"prior": "spikes", "datasets": {"spikes": 1}, "split": "prior", "training": SMALL | changes}
    with pytest.raises(PosterityError, match=words) as raised:
        train.run(settings, inputs=[trained.parents[1] / "items.parquet"], output=tmp_path / "weights.safetensors")
    assert "\n" not in str(raised.value)
