"""Classifiers in a configuration: their training, and the runs whose samples they classify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.configuration import training
from posterity.configuration.places import no_file
from posterity.configuration.problems import Problems
from posterity.configuration.shapes import check as fits
from posterity.configuration.shapes import defaults, schema

if TYPE_CHECKING:
    from posterity.configuration.checks import Checked
    from posterity.configuration.resolve import Plan
    from posterity.datasets.items import Outline

__all__ = ["behind_training", "check", "classified", "plan_all", "plan_runs", "used"]

_VALIDATION = "validation"
_KIND = "ecg"
Key = tuple[str, ...]


def check(c: Checked, problems: Problems) -> None:
    """Take over the valid definitions; one that cannot be trained is left out."""
    for name, about in c.config["classifiers"].items():
        at = f"classifiers.{name}"
        good = fits(about, schema("parts")["classifier"], at, problems)
        if good and "train" in about:
            good = training.valid_other("classifier", f"{at}.train", about["train"], problems)
            for dataset in about["train"]["datasets"]:
                good &= problems.known(f"{at}.train.datasets", dataset, c.config["datasets"], "dataset")
        if good:
            c.classifiers[name] = dict(about)
        else:
            problems.faulty("classifiers", name)


def used(c: Checked, path: str, run: Mapping[str, Any], outlines: Mapping[str, Outline], problems: Problems) -> None:
    """Check that a run's classifier has weights or can be trained, and reads the run's signals."""
    name = run.get("classifier")
    if name not in c.classifiers:
        return  # none, or reported already
    about, at = c.classifiers[name], f"classifiers.{name}"
    if not about.keys() & {"weights", "train"}:
        problems.say(at, f"{path} uses it, and it has neither `weights` nor `train`")
    elif "weights" in about and (wrong := no_file(about["weights"])):
        problems.add(f"{at}.weights", about["weights"], wrong)
    outline, size = outlines[run["dataset"]], c.datasets[run["dataset"]]["size"]
    these = outline.words(run["dataset"], size)
    if outline.kind.name != _KIND:
        problems.add(f"{path}.classifier", name, f"it is of ECGs, not of {these}")
    elif "train" in about and size < (crop := _crop(about)):
        problems.add(f"{path}.classifier", name, f"it reads {crop} samples at once, longer than {these}")


def behind_training(c: Checked, outlines: Mapping[str, Outline], problems: Problems) -> None:
    """Check that the datasets of every training are ECGs with validation records, also if no experiment uses it yet."""
    for name, about in c.classifiers.items():
        at = f"classifiers.{name}.train.datasets"
        for dataset in [one for one in about.get("train", {}).get("datasets", {}) if one in outlines]:
            outline, size = outlines[dataset], c.datasets[dataset]["size"]
            these = outline.words(dataset, size)
            if outline.kind.name != _KIND:
                problems.add(at, dataset, f"a classifier is trained on ECGs, not on {these}")
            elif _VALIDATION not in outline.splits:
                has = ", ".join(outline.splits)
                problems.add(
                    at, dataset, f"has no split {_VALIDATION!r}, on which thresholds are chosen (it has {has})"
                )
            elif size < (crop := _crop(about)):
                problems.add(at, dataset, f"the settings' crop is {crop} samples, longer than {these}")


def _crop(about: Mapping[str, Any]) -> int:
    given = about["train"].get("settings", {})
    crop: int = (defaults(schema("classifier_training")) | given)["crop"]
    return crop


def plan_all(plan: Plan, c: Checked) -> list[str]:
    """Plan how every classifier is trained, also one that no experiment uses yet; return the datasets that it takes."""
    datasets: list[str] = []
    for name, about in c.classifiers.items():
        if "train" in about:
            plan.classifiers[name] = f"{plan.data}/classifiers/{name}/weights.safetensors"
            plan.add("train_classifier", (name,), training.of_classifier(name, about))
            datasets += about["train"]["datasets"]
        if "weights" in about:
            plan.classifiers[name] = about["weights"]
    return datasets


def classified(c: Checked, experiment: str) -> dict[Key, tuple[str, str]]:
    """Return {(dataset, task, prior, sampler): (path of the run, classifier)} of an experiment's classified runs."""
    runs = [(at, run) for at, run in c.runs(experiment) if "classifier" in run]
    return {key: (at, run["classifier"]) for at, run in runs for key in c.combinations(at, run, Problems())}


def plan_runs(plan: Plan, c: Checked, problems: Problems) -> None:
    """Plan the classification of every run that asks for it; all that share a run ask for one classifier."""
    for experiment in c.planned:
        for key, (at, name) in classified(c, experiment).items():
            settings = {"classifier": name}
            if plan.has("classify", *key) and (other := plan.job("classify", *key).settings) != settings:
                said = f"another run classifies {'/'.join(key)} by {other['classifier']!r}"
                problems.add(f"{at}.classifier", name, said)
            plan.add("classify", key, settings)
