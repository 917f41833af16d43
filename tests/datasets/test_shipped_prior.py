"""The network that the repository carries: small, what its card says, and at home with faces that it has not seen."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from posterity.artifacts import images, store
from posterity.priors.loading import load
from posterity.stages import prepare

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "resources/priors/openmoji32"


@pytest.fixture(scope="module")
def people(fetched, declared, tmp_path_factory):
    about = yaml.safe_load((ROOT / "config/datasets/openmoji-people-32.yaml").read_text())
    output = tmp_path_factory.mktemp("people") / "items.parquet"
    settings = {"dataset": "openmoji-people-32", **{k: about[k] for k in ("kind", "select", "size")}}
    prepare.run(settings, asset=declared["openmoji"].path(fetched("openmoji")), output=output)
    return store.read(output, "items").to_pylist()


def test_it_is_what_the_configuration_trains():
    declared = yaml.safe_load((ROOT / "config/priors/openmoji32.yaml").read_text())["openmoji32"]
    card = json.loads((SHIPPED / "card.json").read_text())
    assert declared["weights"] == str((SHIPPED / "weights.safetensors").relative_to(ROOT))
    asked = declared["train"]["settings"]
    assert {k: card["training"][k] for k in asked} == asked and card["steps"] == asked["steps"]
    assert {d["dataset"]: d["weight"] for d in card["data"]} == declared["train"]["datasets"]
    assert card["weights"]["bytes"] == (SHIPPED / "weights.safetensors").stat().st_size < 5_000_000
    assert card["license"] == "CC-BY-SA-4.0" and {p.name for p in SHIPPED.iterdir()} >= {"samples.png", "nearest.png"}


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_faces_that_it_has_not_seen_are_denoised_as_well_as_those_it_has(people, sigma):
    """So it has not merely remembered; and of the noise it leaves less than a tenth."""
    network, error = load(SHIPPED / "weights.safetensors"), {}
    schedule = network.schedule
    t = min(range(len(schedule)), key=lambda t: abs((1 / schedule.alpha_bar(t) - 1) ** 0.5 - sigma))
    a = schedule.alpha_bar(t)
    for split in ("prior", "test"):
        x = images.stack([r["image"] for r in people if r["split"] == split][:160])
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        error[split] = float((network.denoise(a**0.5 * x + (1 - a) ** 0.5 * noise, t) - x).square().mean())
    assert error["test"] < 1.1 * error["prior"] and error["test"] < 0.1 * sigma**2, error
