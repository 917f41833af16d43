"""A conditional network: masks of its own for each example, a loss over missing entries, restorations, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posterity import samplers, signals, yaml_reader
from posterity.artifacts import signals as stored
from posterity.artifacts import store
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.priors import build, networks
from posterity.priors.conditional import CONDITIONS, Beside, Conditional, masks
from posterity.priors.loading import load, load_conditional
from posterity.priors.training import Trainer, Training
from posterity.samplers.base import Problem
from posterity.stages import degrade, sample, train

ROOT = Path(__file__).parents[2]
ECG = signals.find("ecg", 100.0)
SMALL: dict[str, Any] = {
    "steps": 300, "batch": 32, "family": "unet1d", "condition": "missing_block", "prediction": "edm", "sigma_data": 0.3,
    "flip": False, "crop": 32, "patch": 4, "channels": (32, 32), "layers": 1, "attention": (8,), "head": 8,
    "groups": 8, "log_sigma_mean": -1.5, "learning_rate": 0.005, "warm_up": 5, "average": 0.95,
}  # fmt: skip


def waves(count: int = 40, seed: int = 0) -> Tensor:
    """Periodic signals in eight leads, of any phase and amplitude: one half tells the other, (count, 8, 80)."""
    rng, time = np.random.default_rng(seed), torch.arange(80.0)
    mixing = torch.from_numpy(np.random.default_rng(9).uniform(0.5, 1.5, 8)).float()[:, None]
    out = []
    for _ in range(count):
        angle = 2 * torch.pi * (time + float(rng.uniform(0, 16))) / 16
        out.append(mixing * float(rng.uniform(0.3, 0.5)) * (angle.sin() + 0.5 * (2 * angle).cos()))
    return torch.stack(out)


def trainer(known: Tensor, **changes: Any) -> Trainer:
    how = Training(**(SMALL | changes))
    torch.manual_seed(0)
    network = networks.build(how.family, how.architecture(8, how.crop or 80))
    return Trainer(network, known, torch.ones(len(known)), how)


def unbounded(t: Trainer) -> Any:
    """The prior, for signals in mV."""
    prior = t.prior()
    prior.bounds = None
    return prior


def problem(prior: Any, x: Tensor, condition: str = "missing_block", sigma_y: float = 0.0) -> tuple[Problem, Tensor]:
    """(the problem to fill the masks of the signals, its keep-masks)."""
    keep = masks(condition, x.shape, np.random.default_rng(5)).to(x)
    return Problem(prior, Inpainting(keep, tuple(x.shape[1:])), keep * x, sigma_y, torch.arange(len(x))), keep


@pytest.mark.parametrize("condition", CONDITIONS)
def test_masks_hide_a_half_and_differ_between_examples(condition: str) -> None:
    keep = masks(condition, (64, 8, 32), np.random.default_rng(0))
    assert keep.shape == (64, 8, 32) and set(keep.unique().tolist()) == {0, 1}
    assert (keep.sum(2) == 16).all() and (keep[..., 0] != keep[..., -1]).all(), "the first or the second half"
    assert 0.35 < keep[:, :, 0].mean() < 0.65
    same = (keep == keep[:, :1]).flatten(1).all(1)
    assert same.all() if condition == "missing_block" else same.sum() < 4
    assert not torch.equal(keep, masks(condition, (64, 8, 32), np.random.default_rng(1)))


class Spy(nn.Module):
    """Keeps what it is shown; predicts 0, with a weight so that a device is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.zeros(1)), list[Tensor]()

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:  # noqa: ARG002
        self.seen.append(x)
        return (self.weight * x[:, :8],)


def test_the_network_sees_noise_on_missing_entries_alone() -> None:
    spy, how, x = Spy(), Training(**SMALL), waves(24)[..., :32]
    Trainer(spy, x, torch.ones(24), how).held_out(x)
    spy = Spy()
    t = Trainer(spy, x, torch.ones(24), how)
    loss = t._loss(spy, x[:16].double(), np.random.default_rng(0))
    noised, measured, keep = spy.seen[0].chunk(3, 1)
    torch.testing.assert_close(measured, keep * x[:16] / how.sigma_data)
    assert (noised[keep == 1] == 0).all() and (noised[keep == 0] != 0).all() and loss.item() > 0


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_loss_ignores_measured_entries(condition: str) -> None:
    """A network that is wrong at measured entries has the loss and the gradient of one that is not."""

    class Wrong(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.by, self.weight = by, nn.Parameter(torch.full((1,), 0.3))

        def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:  # noqa: ARG002
            noised, _, keep = x.chunk(3, 1)
            return (self.weight * (noised + keep * self.by),)

    x, found = waves(16)[..., :32], []
    for by in (0.0, 100.0):
        network = Wrong(by)
        t = Trainer(network, x, torch.ones(16), Training(**(SMALL | {"condition": condition})))
        loss = t._loss(network, x.double(), np.random.default_rng(0))
        loss.backward()
        assert network.weight.grad is not None
        found.append((loss.item(), network.weight.grad.item()))
    assert found[0] == pytest.approx(found[1], rel=1e-6) and found[0][0] > 0


def test_the_published_networks_are_sashimis_that_see_three_parts() -> None:
    both = yaml_reader.read(ROOT / "config/priors/ptbxl_traineddiff.yaml")
    for name, condition in zip(("traineddiff_block", "traineddiff_block_per_lead"), CONDITIONS, strict=True):
        how = Training(**both[name]["train"]["settings"])
        made = how.architecture(8, 256)
        assert how.family == "sashimi" and how.condition == condition
        assert (made["in_channels"], made["out_channels"], made["channels"]) == (24, 8, [128, 256, 512])


def test_a_sashimi_learns_it_too() -> None:
    t = trainer(waves(), family="sashimi", channels=(8, 8), pool=(2,), states=4, prediction="epsilon", batch=8)
    before = {name: p.detach().clone() for name, p in t.network.named_parameters()}
    assert all(0 < t.advance() < 2 for _ in range(5)) and t.prior().signal_shape == (8, 32)
    assert all(not torch.equal(p, before[name]) for name, p in t.network.named_parameters())


@pytest.fixture(scope="module")
def learned() -> Trainer:
    t = trainer(waves())
    t.before = t.held_out(waves(20, 1))  # type: ignore[attr-defined]
    for _ in range(t.how.steps):
        t.advance()
    return t


def test_training_lowers_the_held_out_loss(learned: Trainer) -> None:
    assert learned.held_out(waves(20, 1)) < 0.6 * learned.before  # type: ignore[attr-defined]


@pytest.mark.parametrize("sigma_y", [0.0, 0.05])
def test_restorations_keep_what_was_measured_and_know_the_rest(learned: Trainer, sigma_y: float) -> None:
    """They err less than the mean of the data, and than those of a network that is not trained."""
    x, errors = waves(20, 1)[..., :32], []
    for one in (learned, trainer(waves())):
        asked, keep = problem(unbounded(one), x, sigma_y=sigma_y)
        y = asked.y + sigma_y * keep * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        asked.y = y
        rows = Noise(0, [f"i{k}" for k in range(20)], [0] * 20, torch.float32)
        done = samplers.find("traineddiff")(steps=50).sample(asked, rows)
        assert torch.equal(done.x[keep == 1], y[keep == 1]) and done.cost.forwards == 50
        errors.append((done.x - x)[keep == 0].abs().mean())
        mean = waves().mean((0, 2)).view(1, 8, 1)
        errors.append((mean - x)[keep == 0].abs().mean())
    assert errors[0] < 0.7 * errors[1] and errors[0] < 0.7 * errors[2]


def test_a_row_is_the_same_alone_and_in_a_batch(learned: Trainer) -> None:
    asked, _ = problem(unbounded(learned), waves(4, 2)[..., :32])
    sampler, names = samplers.find("traineddiff")(steps=10), ["a", "b", "c", "d"]
    shown: list[Tensor] = []
    whole = sampler.sample(asked, Noise(0, names, [0] * 4, torch.float32), watch=lambda *at: shown.append(at[2])).x
    alone = sampler.sample(asked.rows(torch.tensor([2])), Noise(0, ["c"], [0], torch.float32)).x
    torch.testing.assert_close(alone[0], whole[2], rtol=0, atol=1e-5)
    seen = asked.operator.where_measured(asked.y) == 1
    assert len(shown) == 10 and all(torch.equal(one[seen], asked.y[seen]) for one in shown)


def test_a_wrong_pair_of_prior_and_sampler_is_one_line(learned: Trainer) -> None:
    asked, _ = problem(learned.prior(), waves(2)[..., :32])
    rows = Noise(0, ["a", "b"], [0, 0], torch.float32)
    for name in ("mgps", "dps", "ddnm"):
        with pytest.raises(PosterityError, match="a conditional network has no denoiser without measurements"):
            samplers.find(name)(**samplers.find(name).quick).sample(asked, rows)
    plain = trainer(waves(), condition=None).prior()
    with pytest.raises(PosterityError, match="sampler traineddiff: needs a conditional network as its prior"):
        samplers.find("traineddiff")().sample(problem(plain, waves(2)[..., :32])[0], rows)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "unet2d", "crop": None}, "condition is for signals in time"),
        ({"residual": True}, "residual = true: a network with a condition predicts means alone"),
        ({"condition": "half"}, "condition = 'half': Input should be 'missing_block' or 'missing_block_per_lead'"),
    ],
)
def test_settings_that_exclude_a_condition_are_one_line(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    from posterity.stages import _training

    with pytest.raises(PosterityError, match=words) as raised:
        _training.settled(Training, SMALL | changes)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items of 32 samples, and a network that the stage trained on them: (folder with items.parquet and out/)."""
    folder = tmp_path_factory.mktemp("waves")
    rows = [
        {"dataset": "waves", "item": f"i{k:02d}", "split": "test" if k % 4 == 0 else "prior",
         "signal": stored.encode(x, ECG)}
        for k, x in enumerate(waves(32)[..., :32])
    ]  # fmt: skip
    store.write(folder / "items.parquet", "items", rows, {})
    store.write(folder / "regions.parquet", "regions", [], {})
    how = SMALL | {"steps": 60, "crop": None, "condition": "missing_block_per_lead"}
    settings = {"prior": "mine", "datasets": {"waves": 1}, "split": "prior", "training": how, "license": "CC0-1.0"}
    train.run(settings, inputs=[folder / "items.parquet"], output=folder / "out" / "weights.safetensors")
    return folder


def test_the_card_and_the_sheets_are_of_a_conditional_network(made: Path) -> None:
    card = json.loads((made / "out" / "card.json").read_text())
    assert card["condition"] == card["training"]["condition"] == "missing_block_per_lead"
    assert card["architecture"]["in_channels"] == 24 and card["architecture"]["out_channels"] == 8
    assert 0 < card["losses"]["held-out items"] < 1
    assert card["samples"].startswith("samples.png: 8 restorations, of held-out items if there are any, DDPM with 50")
    assert (made / "out" / "samples.png").is_file() and (made / "out" / "nearest.png").is_file()


def test_the_file_loads_as_what_it_is_alone(made: Path) -> None:
    weights = made / "out" / "weights.safetensors"
    assert isinstance(load_conditional(weights), Conditional)
    with pytest.raises(PosterityError, match="is a conditional network and no denoiser; its prior is of kind cond"):
        load(weights)
    settings = {"kind": "conditional", "name": "mine"}
    with pytest.raises(PosterityError, match=r"for signals of shape \(8, 32\), the measurements need \(8, 64\)"):
        build(settings, torch.zeros(0), [], {}, (8, 64), weights)
    with pytest.raises(PosterityError, match="prior 'mine' is a network: name the file of its weights"):
        build(settings, torch.zeros(0), [], {}, (8, 32))
    card = json.loads(weights.with_name("card.json").read_text())
    plain = made / "plain"
    plain.mkdir(exist_ok=True)
    (plain / "weights.safetensors").write_bytes(weights.read_bytes())
    (plain / "card.json").write_text(json.dumps({k: v for k, v in card.items() if k != "condition"}))
    with pytest.raises(PosterityError, match="is no conditional network but a denoiser; its prior is of kind network"):
        load_conditional(plain / "weights.safetensors")


def test_what_is_trained_is_used_by_the_stages(made: Path) -> None:
    task = {"name": "ecg_block_per_lead", "operator": "inpaint", "missing_block_per_lead": "half", "sigma_y": 0.05}
    files = {"items": made / "items.parquet", "regions": made / "regions.parquet"}
    degrade.run(
        {"dataset": "waves", "task": task, "items": 3, "seed": 0}, **files, output=made / "measurements.parquet"
    )
    settings = {
        "dataset": "waves", "task": task["name"], "prior": {"name": "mine", "kind": "conditional"}, "samples": 2,
        "seed": 0, "sampler": {"name": "traineddiff", "method": "traineddiff", "settings": {"steps": 20}, "wrap": []},
    }  # fmt: skip
    inputs = {**files, "measurements": made / "measurements.parquet", "weights": made / "out" / "weights.safetensors"}
    sample.run(settings, **inputs, output=made / "samples.parquet")
    rows = store.read(made / "samples.parquet", "samples").to_pylist()
    assert len(rows) == 6 and {row["forwards"] for row in rows} == {20}
    assert all(row["residual_rms"] < 1e-6 for row in rows), "measured entries are y"
    other = settings | {"sampler": {"name": "mgps", "method": "mgps", "settings": {"steps": 12}, "wrap": []}}
    with pytest.raises(PosterityError, match="a conditional network has no denoiser without measurements"):
        sample.run(other, **inputs, output=made / "other.parquet")


def test_a_network_beside_measurements_never_sees_what_is_missing() -> None:
    spy, keep = Spy(), masks("missing_block", (2, 8, 32), np.random.default_rng(0)).float()
    x = torch.randn(2, 8, 32)
    beside, other = (Beside(spy, x + by * (1 - keep), keep) for by in (0, 7))
    beside(x, torch.zeros(2))
    other(x, torch.zeros(2))
    assert torch.equal(*spy.seen)
