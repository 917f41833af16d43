"""The severity encoders that the repository carries, asked about faces whose names they have not seen."""

import json
from pathlib import Path

import pytest
import yaml

from posterity.artifacts import signals, store
from posterity.severities._weights import load
from posterity.severities.examination import examine

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "resources/severities"
NAMES = ("encoder_blur", "encoder_inpaint")
FACES = "openmoji-smileys-32"


@pytest.fixture(scope="module")
def faces(prepared):
    """The test split, of which no name is in the other."""
    rows = store.read(prepared(FACES), "items").to_pylist()
    assert not {r["name"] for r in rows if r["split"] == "test"} & {r["name"] for r in rows if r["split"] == "prior"}
    return signals.stack([r["signal"] for r in rows if r["split"] == "test"]).float()


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def card_of(name):
    return json.loads((SHIPPED / name / "card.json").read_text())


def test_it_is_what_the_configuration_trains(name):
    declared = yaml.safe_load((ROOT / "config/severities/severities.yaml").read_text())[name]
    tasks = yaml.safe_load((ROOT / "config/tasks/tasks.yaml").read_text())
    coders = yaml.safe_load((ROOT / "config/autoencoders/autoencoders.yaml").read_text())
    card, weights, train = card_of(name), SHIPPED / name / "weights.safetensors", declared["train"]
    assert declared["weights"] == str(weights.relative_to(ROOT))
    assert {k: card["training"][k] for k in train["settings"]} == train["settings"]
    assert card["steps"] == train["settings"]["steps"] and card["task"] == tasks[train["task"]]
    assert {d["dataset"]: d["weight"] for d in card["data"]} == train["datasets"]
    assert coders[train["autoencoder"]]["split"] == "prior" == card["data"][0]["split"]
    assert card["weights"]["bytes"] == weights.stat().st_size < 2_000_000
    assert card["license"] == "CC-BY-SA-4.0"


def test_it_orders_degradations_of_unseen_names_and_tells_how_far_off_it_is(name, faces):
    trained = load(SHIPPED / name / "weights.safetensors")
    found = examine(trained, trained.encode, faces, trained.task, draws=1)
    assert found.ordering_accuracy >= 0.95, found
    assert found.correlation >= 0.9, found
    assert abs(found.ratio - 1) <= 0.1, found
    assert found.error < 0.7 * found.encoded, "and its estimate is worth something"
    told = card_of(name)["unseen"][FACES]
    assert found.ordering_accuracy == pytest.approx(told["ordering_accuracy"], abs=0.02)
    assert found.ratio == pytest.approx(told["ratio"], abs=0.05)
