"""Severities in a configuration: their schemas, the training of encoders, and a job's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.configuration import training
from posterity.configuration.places import no_file
from posterity.configuration.problems import Problems
from posterity.configuration.shapes import schema
from posterity.configuration.training import valid_other

if TYPE_CHECKING:
    from posterity.configuration.checks import Checked
    from posterity.configuration.resolve import Plan

__all__ = ["check", "estimator", "plan_encoders", "shapes", "used"]

_NOT_TOLD = ("weights", "train", "about")


def shapes() -> dict[str, Any]:
    """Return the schema of each kind; an encoder's definition also gives the source of its weights."""
    own = {kind: one["settings"] for kind, one in schema("severities").items()}
    return own | schema("parts")["severity"]


def check(c: Checked, problems: Problems) -> None:
    """Check the training settings of encoders, and drop encoders that cannot be trained."""
    for name, severity in list(c.severities.items()):
        if "train" not in severity:
            continue
        at, train = f"severities.{name}.train", severity["train"]
        good = valid_other("severity", at, train, problems)
        good &= problems.known(f"{at}.task", train["task"], c.tasks, "task")
        if "autoencoder" in train:
            good &= problems.known(f"{at}.autoencoder", train["autoencoder"], c.autoencoders, "autoencoder")
            if c.autoencoders.get(train["autoencoder"], {}).get("kind") == "network":
                said = "is a network; an encoder is trained for states of one of kind patch_pca, or for signals"
                problems.add(f"{at}.autoencoder", train["autoencoder"], said)
                good = False
        good &= problems.known(f"{at}.dataset", train["dataset"], train["datasets"], "dataset of `datasets`")
        for dataset in train["datasets"]:
            good &= problems.known(f"{at}.datasets", dataset, c.config["datasets"], "dataset")
        if not good:
            del c.severities[name]


def used(c: Checked, path: str, run: Mapping[str, Any], problems: Problems) -> None:
    """Check that the encoders behind a run's late starts have weights or can be trained."""
    told: set[str] = set()
    for dataset, task, prior, sampler in c.combinations(path, run, Problems()):
        name = c.severity(c.samplers[sampler], prior, task, dataset)
        about = c.severities.get(name or "", {})
        if name is None or name in told or about.get("kind") != "encoder":
            continue
        told.add(name)
        at = f"severities.{name}"
        if not about.keys() & {"weights", "train"}:
            problems.say(at, f"{path} uses it for a late start, and it has neither `weights` nor `train`")
        elif about.get("weights") not in (None, *c.fetched) and (wrong := no_file(about["weights"])):
            problems.add(f"{at}.weights", about["weights"], wrong)


def estimator(c: Checked, name: str) -> dict[str, Any]:
    """Return a severity's settings for a job; an encoder's omit the source of its weights, which are an input file."""
    severity = c.severities[name]
    left_out = _NOT_TOLD if severity["kind"] == "encoder" else ()
    return {"name": name, **{k: v for k, v in severity.items() if k not in left_out}}


def plan_encoders(plan: Plan, c: Checked) -> list[str]:
    """Add the training jobs of all encoders, used by an experiment or not; return the datasets that they need."""
    datasets: list[str] = []
    for name, severity in c.severities.items():
        if "train" in severity:
            plan.encoders[name] = f"{plan.data}/severities/{name}/weights.safetensors"
            plan.add("train_severity", (name,), training.of_severity(name, severity, c.tasks, c.autoencoders))
            datasets += severity["train"]["datasets"]
        if "weights" in severity:
            plan.encoders[name] = severity["weights"]
    return datasets
