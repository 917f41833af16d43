"""Autoencoders in a configuration: how one that is a network comes by its weights, and what of it a job is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import json_reader
from posterity.configuration import training
from posterity.configuration.places import no_file
from posterity.configuration.problems import Problems
from posterity.priors.card import other_states

if TYPE_CHECKING:
    from posterity.configuration.checks import Checked
    from posterity.configuration.resolve import Plan
    from posterity.datasets.items import Outline

__all__ = ["behind_training", "check", "plan_all", "settled", "used"]

_NOT_TOLD = ("weights", "train", "checkpoint", "about")


def settled(autoencoders: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return an autoencoder's settings in a job: of a network, not how it came by its weights, a file beside."""
    about = autoencoders[name]
    if about["kind"] != "network":
        return {k: v for k, v in about.items() if k != "about"}
    return {"name": name, **{k: v for k, v in about.items() if k not in _NOT_TOLD}}


def check(c: Checked, problems: Problems) -> None:
    """Check what is said of how autoencoders come by their weights, and leave out those that cannot be trained."""
    for name, autoencoder in list(c.autoencoders.items()):
        origin = autoencoder.get("checkpoint", {})
        if "asset" in origin:
            problems.known(f"autoencoders.{name}.checkpoint.asset", origin["asset"], c.assets, "asset")
        if {"train", "checkpoint"} <= {*autoencoder}:
            problems.say(f"autoencoders.{name}", "has both `train` and `checkpoint`; leave one out")
        if "train" not in autoencoder:
            continue
        at, train = f"autoencoders.{name}.train", autoencoder["train"]
        good = training.valid_other("autoencoder", at, train, problems)
        for dataset in train["datasets"]:
            good &= problems.known(f"{at}.datasets", dataset, c.config["datasets"], "dataset")
        if not good:
            problems.faulty("autoencoders", name)
            del c.autoencoders[name]


def used(c: Checked, path: str, run: Mapping[str, Any], outlines: Mapping[str, Outline], problems: Problems) -> None:
    """Check that the network through which a run's prior sees signals has weights, and is of these signals."""
    prior = c.priors.get(run["prior"], {})
    name = prior.get("autoencoder", "")
    about = c.autoencoders.get(name, {})
    if prior.get("kind") == "network" and not _of_file(run["prior"], name, about, problems):
        return
    if about.get("kind") != "network" or not _obtained(name, about, f"{path} is of its states", problems):
        return
    dataset = c.datasets[run["dataset"]]
    shape = list(outlines[run["dataset"]].shape(dataset["size"]))
    these = outlines[run["dataset"]].words(run["dataset"], dataset["size"])
    if "weights" in about:
        _fitting(prior, run["prior"], Path(about["weights"]), (path, these, shape), problems)
        return
    for other in about.get("train", {}).get("datasets", {}):
        if other in outlines and list(outlines[other].shape(c.datasets[other]["size"])) != shape:
            told = outlines[other].words(other, c.datasets[other]["size"])
            problems.add(f"{path}.prior", run["prior"], f"its autoencoder is trained on {told}, not for {these}")
            return


def behind_training(c: Checked, outlines: Mapping[str, Outline], problems: Problems) -> None:
    """Check that networks without weights that are trained on states can be, also those that no experiment uses yet."""
    for name, prior in c.priors.items():
        if not {"train", "autoencoder"} <= prior.keys() or "weights" in prior:
            continue
        coder, at = prior["autoencoder"], f"priors.{name}"
        about = c.autoencoders[coder]
        if not _of_file(name, coder, about, problems):
            continue
        if not _obtained(coder, about, f"{at} is trained on its states", problems):
            continue
        # of one that is trained here, every data set has the shape of the first
        first = next((one for one in about.get("train", {}).get("datasets", {}) if one in outlines), None)
        own = None if first is None else list(outlines[first].shape(c.datasets[first]["size"]))
        shape = _card(Path(about["weights"])).get("signal_shape") if "weights" in about else own
        for dataset in [one for one in prior["train"]["datasets"] if one in outlines]:
            size = c.datasets[dataset]["size"]
            if shape not in (None, list(outlines[dataset].shape(size))):
                said = f"autoencoder {coder!r} is for signals of shape {shape}, not for"
                problems.add(f"{at}.train.datasets", dataset, f"{said} {outlines[dataset].words(dataset, size)}")


def _of_file(prior: str, name: str, about: Mapping[str, Any], problems: Problems) -> bool:
    """Return True unless a network prior names an autoencoder that is fitted to images; add a line then."""
    if about.get("kind") != "patch_pca":
        return True
    said = "is fitted to images, which a network prior does not read; it takes one of kind network"
    problems.add(f"priors.{prior}.autoencoder", name, said)
    return False


def _obtained(name: str, about: Mapping[str, Any], because: str, problems: Problems) -> bool:
    """Return True if a network has weights or the workflow can make them; add a line, with who needs it, if not."""
    at, file = f"autoencoders.{name}", about.get("checkpoint", {}).get("file")
    if not about.keys() & {"weights", "train", "checkpoint"}:
        problems.say(at, f"{because}, and it has neither `weights` nor `train` nor `checkpoint`")
        return False
    key, path = ("weights", about["weights"]) if "weights" in about else ("checkpoint.file", file)
    if path is not None and (wrong := no_file(path)):
        problems.add(f"{at}.{key}", path, wrong)
        return False
    return True


def _fitting(
    prior: Mapping[str, Any], name: str, weights: Path, run: tuple[str, str, list[int]], problems: Problems
) -> None:
    """Check an autoencoder's card against a run (where, its signals in words, their shape) and a network prior's."""
    path, these, shape = run
    card, states = _card(weights), _card(Path(prior.get("weights", "")))
    if card.get("signal_shape") not in (None, shape):
        told = f"the card of its autoencoder is for signals of shape {card['signal_shape']}"
        problems.add(f"{path}.prior", name, f"{told}, not for {these}")
    if None not in (made := [card.get("state_shape"), states.get("signal_shape")]) and made[0] != made[1]:
        told = f"makes states of shape {made[0]}, the prior's card is for states of shape {made[1]}"
        problems.add(f"priors.{name}.autoencoder", prior["autoencoder"], told)
    elif wrong := other_states(states, card):
        problems.add(f"priors.{name}.autoencoder", prior["autoencoder"], f"the prior is {wrong}")


def _card(weights: Path) -> dict[str, Any]:
    """Return the card beside weights; empty if it cannot be read, which the job will report in one line."""
    try:
        card = json_reader.read(weights.with_name("card.json")) if weights.name else None
    except json_reader.Unreadable:
        return {}
    return card if isinstance(card, dict) else {}


def plan_all(plan: Plan, c: Checked) -> list[str]:
    """Plan how every network is trained, also one that no experiment uses yet; return the datasets that it takes."""
    datasets: list[str] = []
    weights = {}
    for name, autoencoder in c.autoencoders.items():
        if "train" in autoencoder:
            weights[name] = f"{plan.data}/autoencoders/{name}/weights.safetensors"
            plan.add("train_autoencoder", (name,), training.of_autoencoder(name, autoencoder))
            datasets += autoencoder["train"]["datasets"]
        if "checkpoint" in autoencoder:
            weights[name] = f"{plan.data}/autoencoders/{name}/weights.safetensors"
            _converted(plan, c, name, autoencoder)
        if "weights" in autoencoder:
            weights[name] = autoencoder["weights"]
    plan.autoencoders = {name: weights[a] for name, p in c.priors.items() if (a := p.get("autoencoder")) in weights}
    return datasets


def _converted(plan: Plan, c: Checked, name: str, autoencoder: Mapping[str, Any]) -> None:
    """Plan how a published file is converted."""
    origin = autoencoder["checkpoint"]
    about = {"autoencoder": name, "about": autoencoder.get("about", ""), "sha256": None, "settings": {}}
    about |= {k: v for k, v in origin.items() if k not in ("asset", "file")}
    plan.add("convert_autoencoder", (name,), about)
    if "file" in origin:
        plan.first_stages[name] = origin["file"]
    elif origin["asset"] in c.assets:
        plan.first_stages[name] = plan.asset(origin["asset"])
