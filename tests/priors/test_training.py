"""Training: what a step minimises, that it is a function of its number, and that a killed run ends the same."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors.torch import load_file
from torch import Tensor, nn

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.priors.base import Prior
from posterity.priors.descent import warm_cosine
from posterity.priors.loading import load
from posterity.priors.training import Trainer, Training
from posterity.stages import train

SHIPPED = Path(__file__).parents[2] / "resources/priors"


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SMALL: dict[str, Any] = {
    "steps": 10, "batch": 4, "channels": (8, 16), "layers": 1, "attention": (4,), "head": 8, "groups": 4,
    "learning_rate": 0.003, "warm_up": 5, "average": 0.9,
}  # fmt: skip


def pictures(count: int = 12) -> Tensor:
    """Images that differ in little: a coloured square somewhere on white."""
    rng = np.random.default_rng(0)
    out = torch.ones(count, 3, 8, 8)
    for picture in out:
        top, left = rng.integers(0, 5, 2)
        picture[:, top : top + 3, left : left + 3] = torch.from_numpy(rng.uniform(-1, 0, (3, 1, 1)))
    return out


def trainer(**changes: Any) -> Trainer:
    how = Training(**(SMALL | changes))
    torch.manual_seed(0)
    return Trainer(UNet2DModel(**how.architecture(3, 8)), pictures(), torch.ones(12), how)


class Perfect(nn.Module):
    """Predicts for data that are always the same image."""

    def __init__(self, x0: Tensor, how: Training) -> None:
        super().__init__()
        self.x0, self.how = x0, how
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        rows = (-1, 1, 1, 1)
        if self.how.prediction == "edm":
            sigma = (label.double() / 250).exp().view(rows)
            both = (sigma**2 + self.how.sigma_data**2).sqrt()
            skip, out = self.how.sigma_data**2 / both, sigma * self.how.sigma_data / both
            return (((self.x0 - skip * x) / out).float() + 0 * self.unused,)
        schedule = self.how.noise_schedule()
        a = torch.tensor([schedule.alpha_bar(int(t)) for t in label], dtype=torch.float64).view(rows)
        eps = (x - a.sqrt() * self.x0) / (1 - a).sqrt()
        found = eps if self.how.prediction == "epsilon" else a.sqrt() * eps - (1 - a).sqrt() * self.x0
        return (found.float() + 0 * self.unused,)


@pytest.mark.parametrize("prediction", ["epsilon", "v", "edm"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_loss_is_zero_for_who_knows_the_answer(prediction: str, schedule: str) -> None:
    how = Training(**(SMALL | {"prediction": prediction, "schedule": schedule, "batch": 64, "flip": False}))
    x0 = pictures(1)
    perfect = Trainer(Perfect(x0, how), x0, torch.ones(1), how)
    assert perfect.advance() < 1e-4
    constant = Trainer(Perfect(x0 + 1, how), x0, torch.ones(1), how)
    assert constant.advance() > 0.1


@pytest.mark.parametrize("prediction", ["epsilon", "v", "edm"])
def test_training_learns_and_its_prior_denoises(prediction: str) -> None:
    t = trainer(prediction=prediction, steps=100)
    first = t.held_out(pictures())
    losses = [t.advance() for _ in range(100)]
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])
    assert t.held_out(pictures()) < 0.7 * first
    prior, x0 = t.prior(), pictures()
    a = prior.schedule.alpha_bar(400)
    noisy = math.sqrt(a) * x0 + math.sqrt(1 - a) * torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
    error = (denoised(prior, noisy, 400) - x0).square().mean()
    assert error < 0.5 * (noisy / math.sqrt(a) - x0).square().mean()


def test_training_with_a_learned_variance_leaves_the_mean_alone_and_the_prior_has_it() -> None:
    t = trainer(learned_variance=True, steps=100)
    losses = [t.advance() for _ in range(100)]
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])
    prior = t.prior()
    middle = prior.predict(pictures(2), prior.schedule.level(400)).share
    assert isinstance(middle, Tensor) and middle.shape == (2, 3, 8, 8)


def test_a_restored_trainer_goes_on_to_the_same_bits() -> None:
    whole, halted = trainer(), trainer()
    for _ in range(9):
        whole.advance()
        halted.advance()
    state = {k: v.clone() for k, v in halted.state().items()}
    resumed = trainer()
    torch.randn(100)  # nothing depends on the global generator
    resumed.restore(state)
    assert [whole.advance() for _ in range(5)] == [resumed.advance() for _ in range(5)]
    expected = whole.state()
    assert all(torch.equal(value, expected[key]) for key, value in resumed.state().items())


def test_weights_of_images_decide_how_often_they_are_drawn() -> None:
    how = Training(**(SMALL | {"batch": 400, "flip": False}))
    x0 = torch.stack([torch.full((3, 8, 8), v) for v in (-1.0, 1.0)])
    seen: list[Tensor] = []

    class Spy(Trainer):
        def _loss(self, network: nn.Module, x0: Tensor, rng: np.random.Generator) -> Tensor:
            seen.append(x0)
            return super()._loss(network, x0, rng)

    Spy(Perfect(x0[:1], how), x0, torch.tensor([1.0, 3.0]), how).advance()
    assert float((seen[0][:, 0, 0, 0] > 0).double().mean()) == pytest.approx(0.75, abs=0.07)


def test_mirroring_is_of_columns_and_can_be_switched_off() -> None:
    x0 = torch.linspace(-1, 1, 8).expand(1, 3, 8, 8).clone()
    for flip, kinds in ((True, 2), (False, 1)):
        how = Training(**(SMALL | {"batch": 64, "flip": flip}))
        seen: list[Tensor] = []

        class Spy(Trainer):
            def _loss(self, network: nn.Module, x0: Tensor, rng: np.random.Generator) -> Tensor:
                seen.append(x0)  # noqa: B023
                return super()._loss(network, x0, rng)

        Spy(Perfect(x0, how), x0, torch.ones(1), how).advance()
        assert len(seen[0].float().unique(dim=0)) == kinds
        assert (seen[0].float()[:, :, :1] == seen[0].float()).all()


def test_a_mirror_image_may_be_another_row_than_the_flipped_one() -> None:
    """States of mirrored images are no mirrored states: each image has its own."""
    x0 = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 8, 8)
    how, seen = Training(**(SMALL | {"batch": 64})), list[Tensor]()

    class Spy(Trainer):
        def _loss(self, network: nn.Module, x0: Tensor, rng: np.random.Generator) -> Tensor:
            seen.append(x0)
            return super()._loss(network, x0, rng)

    Spy(Perfect(x0[:1], how), x0, torch.tensor([0.0, 1.0, 1.0, 0.0]), how, mirrored=x0 + 10).advance()
    assert seen[0][:, 0, 0, 0].unique().tolist() == [1, 2, 11, 12]


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    how = Training(**(SMALL | {"steps": 100, "warm_up": 10}))
    rates = [warm_cosine(how, step) for step in range(100)]
    assert max(rates) == rates[10] == how.learning_rate
    assert rates[0] == pytest.approx(how.learning_rate / 10) and rates[-1] < 0.01 * how.learning_rate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Items of a data set, as stage "prepare" writes them."""
    rows = [
        {"dataset": "squares", "item": f"i{k}", "split": "test" if k % 4 == 0 else "prior", "signal": images.encode(x)}
        for k, x in enumerate(pictures())
    ]
    store.write(tmp_path / "items.parquet", "items", rows, {})
    return tmp_path


SETTINGS = {"prior": "squares", "datasets": {"squares": 1}, "split": "prior", "training": SMALL, "license": "CC0-1.0"}


def run(folder: Path, name: str = "out", **changes: Any) -> Path:
    output = folder / name / "weights.safetensors"
    settings = SETTINGS | {"training": SMALL | changes}
    train.run(settings, inputs=[folder / "items.parquet"], output=output, every=0.0)
    return output


def test_what_is_written_loads_and_says_what_it_is(folder: Path) -> None:
    output = run(folder)
    prior = load(output)
    card = json.loads(output.with_name("card.json").read_text())
    assert prior.signal_shape == (3, 8, 8) and prior.dtype == torch.float32
    assert card["parameters"] == sum(p.numel() for p in prior.network.parameters())
    assert card["steps"] == 10 and card["seconds"] > 0 and card["license"] == "CC0-1.0"
    assert [(d["dataset"], d["items"], d["split"]) for d in card["data"]] == [("squares", 9, "prior")]
    assert 0 < card["losses"]["held-out items"] < 2
    assert load_file(output)["conv_in.weight"].dtype == torch.float16
    assert sorted(p.name for p in output.parent.iterdir()) == [
        "card.json", "log.csv", "nearest.png", "samples.png", "weights.safetensors"
    ]  # fmt: skip


def test_a_learned_variance_is_in_the_card_and_refused_with_edm(folder: Path) -> None:
    assert load(run(folder, learned_variance=True)).learned_variance
    with pytest.raises(PosterityError, match="learned_variance = true: an EDM network has no reverse steps"):
        run(folder, "edm", learned_variance=True, prediction="edm")


def test_a_second_run_leaves_everything_alone_and_other_settings_do_not(folder: Path) -> None:
    output = run(folder)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in output.parent.iterdir()}
    run(folder)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in output.parent.iterdir()} == before
    run(folder, seed=1)
    assert output.read_bytes() != before[output][1]


@pytest.mark.slow
def test_a_killed_run_ends_in_the_same_bytes(folder: Path) -> None:
    """SIGKILL in the middle, then the same command again: weights, losses and samples as if nothing had been."""
    changes = {"steps": 60}
    whole = run(folder, "whole", **changes)
    killed = folder / "killed" / "weights.safetensors"
    program = (
        "import sys, json; from pathlib import Path; from posterity.stages import train;"
        "train.run(json.loads(sys.argv[1]), inputs=[Path(sys.argv[2])], output=Path(sys.argv[3]), every=0.0)"
    )
    settings = json.dumps(SETTINGS | {"training": SMALL | changes})
    command = [sys.executable, "-c", program, settings, str(folder / "items.parquet"), str(killed)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not list(killed.parent.glob("**/*-*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not killed.exists()
    state = max(killed.parent.glob("**/*-*.safetensors"))
    assert 0 < int(load_file(state)["step"]) < 60
    run(folder, "killed", **changes)
    for name in ("weights.safetensors", "log.csv", "samples.png", "nearest.png"):
        assert (killed.parent / name).read_bytes() == (whole.parent / name).read_bytes(), name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"step": 3}}, "training setting step"),
        ({"training": {"batch": 0}}, "training setting batch = 0"),
        ({"training": SMALL | {"channels": [8] * 5}}, "cannot be halved 4 times"),
        ({"datasets": {"circles": 1}}, "items of squares, the settings train on circles"),
        ({"split": "train"}, "split = 'train': Input should be 'all', 'prior' or 'test'"),
        ({"training": SMALL | {"learning_rate": 1e30, "clip": 1e30}}, "diverged at step"),
    ],
)
def test_mistakes_are_told_in_one_line(folder: Path, changes: dict[str, Any], words: str) -> None:
    output = folder / "out" / "weights.safetensors"
    with pytest.raises(PosterityError, match=words) as raised:
        train.run(SETTINGS | changes, inputs=[folder / "items.parquet"], output=output)
    assert "\n" not in str(raised.value)
    assert not output.exists()


def test_the_command_trains_what_a_file_says_and_then_has_nothing_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from posterity.cli import app

    data = folder / "data"
    (data / "datasets" / "squares").mkdir(parents=True)
    (folder / "items.parquet").rename(data / "datasets" / "squares" / "items.parquet")
    training = {k: list(v) if isinstance(v, tuple) else v for k, v in SMALL.items()}
    prior = {"kind": "network", "train": {"datasets": {"squares": 1}, "settings": training}}
    (folder / "squares.yaml").write_text(json.dumps({"squares": prior}))  # JSON is YAML
    words = ["train", "--config", folder / "squares.yaml", "--steps", 3, "--data", data]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    made = data / "priors" / "squares-3-steps" / "weights.safetensors"
    assert load(made).signal_shape == (3, 8, 8)
    before = made.stat().st_mtime_ns
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    assert made.stat().st_mtime_ns == before
    items = data / "datasets" / "squares" / "items.parquet"
    items.rename(folder / "items.parquet")
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 2 and f"{items} does not exist; run this in the folder of the workflow" in done.output
    # where there is a workflow, it makes what is missing, or says that it cannot
    rule = 'rule:\n  output: "{d}/datasets/{n}/items.parquet"\n  shell: "cp items.parquet {{output}}"\n'
    Path("Snakefile").write_text(rule.format(d=data, n="circles"))
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 2 and f"`snakemake {items}` could not make it" in done.output
    Path("Snakefile").write_text(rule.format(d=data, n="squares"))
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0 and made.stat().st_mtime_ns == before, done.output


@pytest.mark.parametrize("card", sorted(SHIPPED.glob("*/card.json")), ids=lambda path: path.parent.name)
def test_settings_that_a_family_lacked_leave_finished_trainings_valid(card):
    """The digest of what is shipped, from its settings and data: another one would train it anew."""
    told = json.loads(card.read_text())
    if "training" not in told:
        pytest.skip("not trained")
    coder = [told["autoencoder"]] if "autoencoder" in told else []
    depends = [train._VERSION, train._told(Training(**told["training"])), told["data"], *coder]
    assert hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest() == told["digest"]
