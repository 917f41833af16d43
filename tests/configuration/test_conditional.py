"""Conditional networks in a configuration: what they can be used with, how they are trained, and their cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mistaken import ROOT, lines

from posterity.configuration import merge, resolve

SETTINGS = {"family": "unet1d", "condition": "missing_block", "flip": False, "steps": 2}
TRAIN = {"datasets": {"ecg-generated": 1}, "settings": SETTINGS}
RUN = {"dataset": "ecg-generated", "tasks": ["ecg_block"], "prior": "net", "samplers": ["traineddiff"]}


def told(folder: Path, net: dict[str, Any], **run: Any) -> list[str]:
    """The mistakes of a run with this prior, without the words before the first key."""
    found = lines(folder, {"priors": {"net": net}}, {"runs": [RUN | run]})
    return [line.removeprefix("config: ").removeprefix("experiments.mine.") for line in found]


def test_it_is_planned_with_its_sampler_and_trained_first(folder: Path) -> None:
    prior = {"kind": "conditional", "train": TRAIN}
    assert told(folder, prior) == []
    config = merge({"experiments": ["mine"], "items": 2}, {"priors": {"net": prior}})
    plan = resolve(config, folder, ROOT / "resources" / "assets.yaml")
    assert plan.has("sample", "ecg-generated", "ecg_block", "net", "traineddiff")
    assert plan.weights["net"] == "data/priors/net/weights.safetensors"
    assert plan.job("train", "net").settings["training"]["condition"] == "missing_block"
    assert plan.job("sample", "ecg-generated", "ecg_block", "net", "traineddiff").settings["prior"] == {
        "name": "net",
        "kind": "conditional",
    }


@pytest.mark.parametrize("sampler", ["mgps", "ddnm", "repaint"])
def test_another_sampler_cannot_use_it(folder: Path, sampler: str) -> None:
    (line,) = told(folder, {"kind": "conditional", "train": TRAIN}, samplers=[sampler], tasks=["ecg_block_noiseless"])
    assert line.startswith("runs[0]") and "a prior with a denoiser" in line


def test_its_sampler_can_use_no_other_prior(folder: Path) -> None:
    (line,) = told(folder, {"kind": "conditional", "train": TRAIN}, prior="gaussian")
    assert "a prior that is a conditional network" in line


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (
            {"kind": "conditional", "train": TRAIN | {"settings": {"family": "unet1d"}}},
            "priors.net.train.settings: 'condition' is missing, one of missing_block, missing_block_per_lead",
        ),
        (
            {"kind": "network", "train": TRAIN},
            "priors.net.train.settings.condition = 'missing_block': such a network is a prior of kind conditional",
        ),
        (
            {"kind": "conditional", "train": TRAIN | {"settings": {"condition": "missing_block"}}},
            "priors.net.train.settings.condition = 'missing_block': is for signals in time; set family: unet1d or",
        ),
        (
            {"kind": "conditional", "train": TRAIN | {"settings": SETTINGS | {"condition": "block"}}},
            "priors.net.train.settings.condition = 'block': must be one of missing_block, missing_block_per_lead",
        ),
        ({"kind": "conditional"}, "runs[0].prior = 'net': it has neither `weights` nor `train`"),
        ({"kind": "network"}, "runs[0].prior = 'net': it has neither `weights` nor `train` nor `checkpoint`"),
    ],
)
def test_a_definition_that_cannot_be_trained(folder: Path, prior: dict[str, Any], expected: str) -> None:
    found = told(folder, prior)
    assert any(line.startswith(expected) for line in found), found
    assert ("checkpoint" in "".join(found)) == ("checkpoint" in expected)


@pytest.mark.parametrize(
    ("kind", "card", "sampler", "expected"),
    [
        ("network", {"condition": "missing_block"}, "mgps", "its card is of a prior of kind conditional, not network"),
        ("conditional", {}, "traineddiff", "its card is of a prior of kind network, not conditional"),
    ],
)
def test_a_card_of_the_other_kind(
    folder: Path, tmp_path: Path, kind: str, card: dict[str, Any], sampler: str, expected: str
) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.touch()
    (tmp_path / "card.json").write_text(json.dumps({"signal_shape": [8, 256]} | card))
    (line,) = told(folder, {"kind": kind, "weights": str(weights)}, samplers=[sampler])
    assert line == f"runs[0].prior = 'net': {expected}"
