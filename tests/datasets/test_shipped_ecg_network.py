"""The network of ECGs that the repository carries: what its card says, better than its Gaussian, no copies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from posterity.datasets import ecg_generated
from posterity.datasets.items import split
from posterity.priors.loading import load
from posterity.priors.network import Network
from posterity.stages import _sheets

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "resources/priors/ecg_network"
COUNT = 100
"""Records that are generated: some 80 of the training's and 20 that it has not seen."""


@pytest.fixture(scope="module")
def network() -> Network:
    found = load(FOLDER / "weights.safetensors")
    found.bounds = None
    return found


@pytest.fixture(scope="module")
def records(fetched, declared) -> dict[str, Tensor]:
    """Whole records by split, (N, 8, 960)."""
    made = ecg_generated.prepare(declared["deepfake-ecg"].path(fetched("deepfake-ecg")), "records", 960, COUNT)
    return {
        side: torch.from_numpy(np.stack([item.signal for item in made.items if split(item.id) == side]))
        for side in ("prior", "test")
    }


def test_it_is_what_the_configuration_trains():
    declared = yaml.safe_load((ROOT / "config/priors/ecg_network.yaml").read_text())["ecg_network"]
    card = json.loads((FOLDER / "card.json").read_text())
    assert declared["weights"] == str((FOLDER / "weights.safetensors").relative_to(ROOT))
    asked = declared["train"]["settings"]
    assert {k: card["training"][k] for k in asked} == asked and card["steps"] == asked["steps"]
    assert {d["dataset"]: d["weight"] for d in card["data"]} == declared["train"]["datasets"]
    assert card["weights"]["bytes"] == (FOLDER / "weights.safetensors").stat().st_size < 5_000_000
    assert card["license"] == "MIT" and card["signal_shape"] == [8, 256]
    losses = card["losses"]
    assert losses["held-out items"] < 0.45 * losses["held-out items, of the Gaussian alone"]
    assert {p.name for p in FOLDER.iterdir()} >= {"samples.png", "nearest.png"}


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "most"), [(0.05, 0.75), (0.1, 0.6), (0.2, 0.5), (0.5, 0.55)])
def test_unseen_records_are_denoised_better_than_by_the_gaussian(network, records, sigma, most):
    """Mean square errors, as a share of the Gaussian's; what it was trained on is denoised no better than the rest."""
    schedule = network.schedule
    t = min(range(len(schedule)), key=lambda t: abs((1 / schedule.alpha_bar(t) - 1) ** 0.5 - sigma))
    level = schedule.level(t)

    def share(x: Tensor) -> float:
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        x_t = level.signal * x + level.noise * noise
        assert network.base is not None
        alone = network.base.gaussian.predict(x_t.double(), level).x0
        return float((network.predict(x_t, level).x0 - x).square().mean() / (alone - x).square().mean())

    crops = {side: x.unfold(2, 256, 256).movedim(2, 1).flatten(0, 1)[:60] for side, x in records.items()}
    assert share(crops["test"]) < most
    assert share(crops["test"]) < 1.25 * share(crops["prior"])


@pytest.fixture(scope="module")
def draws(network):
    """24 stretches of 2.56 s, (24, 8, 256)."""
    return _sheets.draw(network, 24, 50, 1).float()


@pytest.fixture(scope="module")
def unseen(records):
    """As long stretches of records that were not trained on."""
    return records["test"][:, :, 300:556]


@pytest.mark.slow
def test_draws_are_no_copies_and_look_like_the_data(draws, unseen, records):
    """The nearest stretch of a training record is as far from a draw as from a record that was not trained on."""
    away = [(x - _sheets.nearest(x, records["prior"], False)).square().mean(dim=(1, 2)).sqrt() for x in (draws, unseen)]
    assert away[0].min() > 0.5 * away[1].min() and away[0].median() > 0.75 * away[1].median()
    # P-QRS-T: all leads are steep at once
    slopes = draws.diff(dim=2).abs()
    assert torch.corrcoef(slopes.movedim(1, 0).flatten(1)).min() > 0.2


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True, reason="draws have .76 of the spread of records (docs/ecg.md); a better network ends this"
)
def test_draws_are_as_wide_as_records(draws, unseen):
    assert 0.8 < float(draws.std() / unseen.std()) < 1.2
