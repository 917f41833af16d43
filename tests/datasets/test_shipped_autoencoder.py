"""The autoencoders that the repository carries, on images of people that were not trained on."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from posterity.artifacts import signals, store
from posterity.priors.autoencoders.examination import examine
from posterity.priors.autoencoders.network import load

ROOT = Path(__file__).parents[2]
NAMES = ("openmoji64",)
FACES = "openmoji-smileys"


@pytest.fixture(scope="module")
def faces(prepared):
    """Both splits of the smileys, which share no name."""
    rows = store.read(prepared(FACES), "items").to_pylist()
    split = {name: [r for r in rows if r["split"] == name] for name in ("prior", "test")}
    assert not {r["name"] for r in split["test"]} & {r["name"] for r in split["prior"]}
    return {name: signals.stack([r["signal"] for r in own]).float() for name, own in split.items()}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_configuration_trains(name):
    declared = yaml.safe_load((ROOT / "config/autoencoders/autoencoders.yaml").read_text())[name]
    weights = ROOT / "resources/autoencoders" / name / "weights.safetensors"
    card, train = json.loads(weights.with_name("card.json").read_text()), declared["train"]
    assert declared["weights"] == str(weights.relative_to(ROOT)) and card["about"] == declared["about"]
    assert {k: card["training"][k] for k in train["settings"]} == train["settings"]
    assert card["steps"] == train["settings"]["steps"]
    assert {d["dataset"]: d["weight"] for d in card["data"]} == train["datasets"]
    assert {d["split"] for d in card["data"]} == {"prior"}
    assert card["weights"]["bytes"] == weights.stat().st_size <= 2_000_000
    assert card["license"] == train["license"]


@pytest.mark.parametrize("name", NAMES)
def test_unseen_images_come_back_as_near_as_its_card_tells(name, faces):
    trained = load(ROOT / "resources/autoencoders" / name / "weights.safetensors")
    told = json.loads((ROOT / "resources/autoencoders" / name / "card.json").read_text())["unseen"][FACES]
    found = examine(trained, faces["test"])
    assert found.psnr == pytest.approx(told["psnr"], abs=0.1)
    assert found.psnr > told["patch_pca"]["psnr"] + 8 and told["lpips"] < 0.1 * told["patch_pca"]["lpips"]
    with torch.no_grad():
        z = trained.encode(faces["prior"])
    # one scale for both datasets of its training
    assert float(z.std()) == pytest.approx(1, abs=0.15)
