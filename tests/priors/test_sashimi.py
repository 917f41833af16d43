"""SaShiMi: 0 when fresh, the published size, both directions, learns every prediction, comes back from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import CliRunner

from posterity import signals
from posterity.artifacts import signals as stored
from posterity.artifacts import store
from posterity.cli import app
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.priors import networks
from posterity.priors.loading import load
from posterity.priors.training import Trainer, Training
from posterity.samplers import find
from posterity.samplers.base import Problem
from posterity.stages import train

ECG = signals.find("ecg", 100.0)
PAPER: dict[str, Any] = {"family": "sashimi", "channels": (64, 128, 256, 512), "pool": (1, 2, 2), "layers": 4}
SMALL: dict[str, Any] = {
    "family": "sashimi", "steps": 60, "batch": 8, "flip": False, "crop": 32, "channels": (16, 24, 32), "pool": (1, 2),
    "layers": 1, "states": 4, "learning_rate": 0.01, "warm_up": 5, "average": 0.0, "sigma_data": 0.3,
    "log_sigma_mean": -1.5,
}  # fmt: skip


def spikes(count: int = 24, time: int = 80) -> Tensor:
    """Periodic spikes in eight leads, at any phase."""
    rng = np.random.default_rng(0)
    out, mixing = torch.zeros(count, 8, time), torch.linspace(-1, 1, 8)[:, None]
    for x in out:
        x[:, int(rng.integers(0, 8)) :: 8] = mixing * float(rng.uniform(0.8, 1.2))
    return out


def network(leads: int = 8, size: int = 32, lively: bool = False, **changes: Any) -> nn.Module:
    """A network with fresh weights; if ``lively``, with a last layer that is not 0."""
    torch.manual_seed(0)
    made = networks.build("sashimi", Training(**(SMALL | changes)).architecture(leads, size))
    if lively:
        for p in made.last[-1].parameters():
            p.data += 0.3 * torch.randn(p.shape)
    return made


def trainer(**changes: Any) -> Trainer:
    how = Training(**(SMALL | changes))
    return Trainer(network(**changes), spikes(), torch.ones(24), how)


def noisy(leads: int, size: int, count: int = 2) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, leads, size, generator=torch.Generator().manual_seed(3))
    return x, torch.linspace(0, 999, count)


@pytest.mark.parametrize("size", [256, 960, 1000, 1024])
def test_a_fresh_network_returns_0_at_any_length_that_the_pools_divide(size: int) -> None:
    made = network(9, size, channels=(8, 8, 16, 16), pool=(1, 2, 2))
    (found,) = made(*noisy(9, size))
    assert found.shape == (2, 9, size) and not found.any()


@pytest.mark.parametrize(("states", "fits"), [(32, True), (64, False)])
def test_it_has_as_many_weights_as_the_published_one(states: int, fits: bool) -> None:
    """Janati et al. 2025, App. D.5: 16 million; twice as many states have too many."""
    with torch.device("meta"):
        made = networks.build("sashimi", Training(**PAPER, states=states).architecture(9, 256))
    assert (15e6 < sum(p.numel() for p in made.parameters()) < 17e6) == fits


def test_pools_halve_unless_told_otherwise() -> None:
    assert Training(family="sashimi", channels=(8, 8, 8)).architecture(1, 64)["pool"] == [2, 2]
    assert Training(**PAPER).architecture(1, 64)["pool"] == [1, 2, 2]


def test_an_output_depends_on_past_future_and_label_and_on_no_other_row() -> None:
    made, (x, label) = network(lively=True), noisy(8, 32)
    x.requires_grad_()
    (found,) = made(x, label)
    (seen,) = torch.autograd.grad(found[0, :, 16].sum(), x)
    assert (seen[0].abs().sum(0) > 0).all() and not seen[1].any()
    with torch.no_grad():
        assert not torch.allclose(made(x, label + 100)[0], found, rtol=0.01)
        torch.testing.assert_close(made(x[1:], label[1:])[0], found[1:].detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("given", ["noise", "nothing", "padding"])
def test_gradients_of_all_weights_are_finite_and_only_nothing_gives_none(given: str) -> None:
    made, (x, label) = network(lively=True), noisy(8, 32)
    x = {"noise": x, "nothing": 0 * x, "padding": torch.cat([x[..., :16], 0 * x[..., 16:]], 2)}[given]
    made(x, label)[0].square().mean().backward()
    for name, p in made.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name
        assert p.grad.any() or given == "nothing", name


def test_bfloat16_changes_it_by_its_rounding() -> None:
    made, (x, label) = network(lively=True), noisy(8, 32)
    with torch.no_grad():
        (wanted,) = made(x, label)
        with torch.autocast("cpu", torch.bfloat16):
            (found,) = made(x, label)
    assert 0 < (found.float() - wanted).norm() / wanted.norm() < 0.03


def test_a_file_keeps_in_single_precision_what_half_would_spoil() -> None:
    made, (x, label) = network(lively=True, states=32), noisy(8, 256)

    @torch.no_grad()
    def moved(weights: dict[str, Tensor]) -> float:
        copy = network(states=32)
        copy.load_state_dict({name: p.float() for name, p in weights.items()})
        (wanted,) = made(x, label)
        return float((copy(x, label)[0] - wanted).norm() / wanted.norm())

    state = made.state_dict()
    kept, halves = networks.halved("sashimi", state), {name: p.half() for name, p in state.items()}
    assert {name for name, p in kept.items() if p.dtype == torch.float32} == {
        name for name in state if name.endswith(("log_step", "frequency"))
    }
    assert moved(kept) < 0.002 < moved(halves)


@pytest.mark.parametrize(
    "changes",
    [
        {"prediction": "epsilon"},
        {"prediction": "v"},
        {"prediction": "edm"},
        {"prediction": "edm", "residual": True},
        {"prediction": "edm", "condition": "missing_block"},
    ],
    ids=["epsilon", "v", "edm", "residual", "condition"],
)
def test_it_learns_every_prediction(changes: dict[str, Any]) -> None:
    t = trainer(**changes)
    before = t.held_out(spikes())
    for _ in range(60):
        t.advance()
    assert t.held_out(spikes()) < 0.7 * before


def test_a_restored_trainer_goes_on_to_the_same_bits() -> None:
    whole, halted, resumed = trainer(), trainer(), trainer(seed=0)
    for _ in range(2):
        whole.advance()
        halted.advance()
    resumed.restore({k: v.clone() for k, v in halted.state().items()})
    assert [whole.advance() for _ in range(2)] == [resumed.advance() for _ in range(2)]
    assert all(torch.equal(p, resumed.average[n]) for n, p in whole.average.items())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("spikes")
    splits = ["test" if k % 4 == 0 else "prior" for k in range(24)]
    rows = [
        {"dataset": "spikes", "item": f"i{k}", "split": split, "signal": stored.encode(x, ECG)}
        for k, (split, x) in enumerate(zip(splits, spikes(), strict=True))
    ]
    store.write(made / "items.parquet", "items", rows, {})
    return made


def asked(**changes: Any) -> dict[str, Any]:
    return {"prior": "spikes", "datasets": {"spikes": 1}, "split": "prior", "training": SMALL | changes}


@pytest.mark.parametrize("changes", [{}, {"prediction": "edm", "residual": True}], ids=["epsilon", "residual"])
def test_it_is_trained_stored_and_restores(folder: Path, changes: dict[str, Any]) -> None:
    output = folder / str(len(changes)) / "weights.safetensors"
    words = ["train", "--settings", json.dumps(asked(**changes)), "--output", str(output)]
    done = CliRunner().invoke(app, [*words, "--inputs", str(folder / "items.parquet")])
    assert done.exit_code == 0, done.output
    card, prior = json.loads(output.with_name("card.json").read_text()), load(output)
    assert card["family"] == "sashimi" and card["architecture"]["pool"] == [1, 2] and prior.signal_shape == (8, 32)
    state = load_file(output)
    assert card["parameters"] == sum(p.numel() for n, p in state.items() if not n.startswith("base."))
    prior.bounds = (-1.3, 1.3)
    truth, keep = spikes(6)[..., :32].double(), torch.ones(6, 1, 32, dtype=torch.float64)
    keep[..., 12:20] = 0
    problem = Problem(prior, Inpainting(keep, (8, 32)), keep * truth, 0.0, torch.arange(6))
    drawn = find("replacement")(steps=20).sample(problem, Noise(0, ["a"] * 6, range(6))).x
    assert torch.equal(keep * drawn, keep * truth) and drawn.abs().max() < 2
    # so few steps leave an ε network wrong by more than the signal at the first level
    if card["residual"]:
        assert (drawn - truth).square().sum() < 0.1 * ((1 - keep) * truth).square().sum()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pool": (1, 2, 2)}, r"pool = \[1, 2, 2\]: it leads from .* and has 3 for 3 resolutions; give 2"),
        ({"pool": (1, 0)}, "pool|0.*greater than or equal to 1"),
        ({"family": "unet1d"}, "pool is of a sashimi, not of a unet1d; leave it out"),
        ({"pool": (2, 5)}, "signals of 32 samples are no multiple of 10, the product of pool"),
        ({"states": 0}, "states = 0: .*greater than or equal to 1"),
        ({"learned_variance": True}, "a sashimi predicts means alone"),
        ({"residual": True}, "residual = true: needs prediction edm, not epsilon"),
        ({"crop": 96}, "crop = 96: the ECGs have 80 samples"),
        ({"flip": True}, "a mirrored ECG is not a valid ECG"),
    ],
)
def test_what_cannot_be_trained_is_one_line(folder: Path, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PosterityError, match=words) as raised:
        train.run(asked(**changes), inputs=[folder / "items.parquet"], output=tmp_path / "weights.safetensors")
    assert "\n" not in str(raised.value)
