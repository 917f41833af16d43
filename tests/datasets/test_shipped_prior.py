"""The networks that the repository carries: small, what their cards say, at home with faces that they have not seen."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from posterity.artifacts import signals, store
from posterity.priors.autoencoders.network import load as load_autoencoder
from posterity.priors.kernel import Kernel
from posterity.priors.loading import load


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "resources/priors"
CODERS = ROOT / "resources/autoencoders"
MOST = {"openmoji32": 5_000_000, "openmoji64": 25_000_000, "openmoji64_latent": 4_000_000}
PEOPLE = {"openmoji32": "openmoji-people-32", "openmoji64": "openmoji-people", "openmoji64_latent": "openmoji-people"}
LEFT = {"openmoji32": (1.3, 0.1), "openmoji64": (1.3, 0.1), "openmoji64_latent": (2.0, 0.3)}
"""Most error on unseen subjects, over that on seen ones and over the noise; a state tells less of its neighbours."""


@pytest.fixture(scope="module", params=MOST)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def people(name, prepared):
    return store.read(prepared(PEOPLE[name]), "items").to_pylist()


def test_it_is_what_the_configuration_trains(name):
    declared = yaml.safe_load((ROOT / f"config/priors/{name}.yaml").read_text())[name]
    card = json.loads((SHIPPED / name / "card.json").read_text())
    weights = SHIPPED / name / "weights.safetensors"
    assert declared["weights"] == str(weights.relative_to(ROOT))
    asked = declared["train"]["settings"]
    assert {k: card["training"][k] for k in asked} == asked and card["steps"] == asked["steps"]
    assert {d["dataset"]: d["weight"] for d in card["data"]} == declared["train"]["datasets"]
    assert card["weights"]["bytes"] == weights.stat().st_size < MOST[name]
    assert card["license"] == "CC-BY-SA-4.0" and card["about"] == declared["about"].strip()
    assert card.get("autoencoder", {}).get("name") == declared.get("autoencoder")
    assert {p.name for p in weights.parent.iterdir()} >= {"samples.png", "nearest.png"}


def states(name, people):
    """Images, or for a network of states those of them under its autoencoder, seen and unseen."""
    found = [signals.stack([r["signal"] for r in people if r["split"] == split]) for split in ("prior", "test")]
    coder = json.loads((SHIPPED / name / "card.json").read_text()).get("autoencoder")
    if coder is None:
        return found
    encode = load_autoencoder(CODERS / coder["name"] / "weights.safetensors").encode
    with torch.no_grad():
        return [encode(one.float()) for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_subjects_that_it_has_not_seen_are_denoised_about_as_well_as_those_it_has(name, people, sigma):
    """It has not merely remembered: the prior that has, the kernel prior of the same images, is far worse on them."""
    network, (seen, unseen) = load(SHIPPED / name / "weights.safetensors"), states(name, people)
    schedule = network.schedule
    t = min(range(len(schedule)), key=lambda t: abs((1 / schedule.alpha_bar(t) - 1) ** 0.5 - sigma))
    a = schedule.alpha_bar(t)
    remembers = Kernel(seen, torch.ones(len(seen)), 0.05)

    def left(prior, x):
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        x_t = a**0.5 * x + (1 - a) ** 0.5 * noise
        return float((denoised(prior, x_t.to(prior.dtype), t) - x).square().mean())

    error = {"seen": left(network, seen[:160]), "unseen": left(network, unseen[:160])}
    error["unseen, remembered"] = left(remembers, unseen[:160])
    gap, share = LEFT[name]
    assert error["unseen"] < gap * error["seen"] and error["unseen"] < share * sigma**2, error
    assert error["unseen"] < 0.5 * error["unseen, remembered"], error
