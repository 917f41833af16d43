"""Resolves the definition of a network prior to settings of the stage "train": its data and training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity.configuration.known import NETWORKS
from posterity.configuration.loading import load
from posterity.configuration.problems import Problems
from posterity.configuration.shapes import check, defaults, priors, schema
from posterity.errors import PosterityError

__all__ = ["of_autoencoder", "of_classifier", "of_severity", "settings", "trained", "valid", "valid_other"]


def valid(path: str, prior: Mapping[str, Any], problems: Problems) -> bool:
    """Check the training settings of a prior with ``train``, which already has the right shape."""
    path, given = f"{path}.train", prior["train"].get("settings", {})
    if not _fits(given, "training", path, problems):
        return False
    condition = given.get("condition")
    if prior["kind"] == "conditional" and condition is None:
        problems.say(f"{path}.settings", f"'condition' is missing, one of {', '.join(_conditions())}")
        return False
    if prior["kind"] == "network" and condition is not None:
        problems.add(f"{path}.settings.condition", condition, "such a network is a prior of kind conditional")
        return False
    if condition is not None and given.get("family", "unet2d") == "unet2d":
        problems.add(f"{path}.settings.condition", condition, "is for signals in time; set family: unet1d or sashimi")
        return False
    # a constraint between settings, which the schema cannot express; the library checks it too
    if given.get("learned_variance") and given.get("prediction") == "edm":
        problems.add(f"{path}.settings.learned_variance", True, "an EDM network has no reverse steps")
        return False
    return True


def _conditions() -> list[str]:
    shape = schema("training")["properties"]["condition"]
    return [value for one in shape["anyOf"] for value in one.get("enum", ())]


def valid_other(what: str, path: str, train: Mapping[str, Any], problems: Problems) -> bool:
    """Check the training settings in ``train``, which has the right shape.

    ``what`` is trained: a "severity", an "autoencoder" or a "classifier".
    """
    return _fits(train.get("settings", {}), f"{what}_training", path, problems)


def _fits(given: Mapping[str, Any], name: str, path: str, problems: Problems) -> bool:
    """Check settings against a schema, those that several definitions share by a YAML alias once."""
    if problems.reported(given):
        return False
    if check(given, schema(name), f"{path}.settings", problems):
        return True
    problems.report(given)
    return False


def settings(name: str, prior: Mapping[str, Any], autoencoder: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings of the stage "train", with all defaults filled in, for a checked definition.

    ``autoencoder`` has the settings of the autoencoder whose states are trained on.
    """
    train = prior["train"]
    shape = schema("parts")["prior"]["network"]["properties"]["train"]
    out = {"prior": name, "about": prior.get("about", ""), **defaults(shape), **train}
    out["training"] = defaults(schema("training")) | out.pop("settings", {})
    return out if autoencoder is None else out | {"autoencoder": dict(autoencoder)}


def of_severity(
    name: str, severity: Mapping[str, Any], tasks: Mapping[str, Any], autoencoders: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of the stage "train_severity", with all defaults filled in, for a checked definition."""
    shape = schema("parts")["severity"]["encoder"]["properties"]["train"]
    out = {"severity": name, "about": severity.get("about", ""), **defaults(shape), **severity["train"]}
    out["training"] = defaults(schema("severity_training")) | out.pop("settings", {})
    out["task"] = {**tasks[out["task"]]}
    coder = out.get("autoencoder")
    out["autoencoder"] = None if coder is None else {k: v for k, v in autoencoders[coder].items() if k != "about"}
    return out


def of_autoencoder(name: str, autoencoder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the stage "train_autoencoder", with all defaults filled in, for a checked definition."""
    shape = schema("parts")["autoencoder"]["network"]["properties"]["train"]
    out = {"autoencoder": name, "about": autoencoder.get("about", ""), **defaults(shape), **autoencoder["train"]}
    out["training"] = defaults(schema("autoencoder_training")) | out.pop("settings", {})
    return out


def of_classifier(name: str, classifier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the stage "train_classifier", with all defaults filled in, for a checked definition."""
    out = {"classifier": name, "about": classifier.get("about", ""), "split": "prior", **classifier["train"]}
    out["training"] = defaults(schema("classifier_training")) | out.pop("settings", {})
    return out


def trained(file: Path, name: str | None) -> dict[str, Any]:
    """Return the training settings of the only trainable prior in ``file``, or of ``name``."""
    problems, found = Problems(), load([file])
    able = [n for n, prior in found.items() if isinstance(prior, Mapping) and "train" in prior]
    if name is None and len(able) != 1:
        raise PosterityError(f"{file} has {len(able)} priors with `train`; choose with --name ({', '.join(able)})")
    name = name or able[0]
    if name not in able:
        raise PosterityError(f"{file} has no prior {name!r} with `train` (it has {', '.join(able) or 'none'})")
    prior = found[name]
    if "autoencoder" in prior:
        told = "is of an autoencoder's states; train it with --config CONFIG, a whole configuration such as config.yaml"
        raise PosterityError(f"{file}: prior {name!r} {told}")
    kind = prior.get("kind")
    if check(prior, priors()[kind if kind in NETWORKS else NETWORKS[0]], f"priors.{name}", problems):
        valid(f"priors.{name}", prior, problems)
    problems.stop()
    return settings(name, prior)
