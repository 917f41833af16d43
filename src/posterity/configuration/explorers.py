"""Checks an experiment's explorer and resolves it to settings of the stage "explorer"."""

from __future__ import annotations

from typing import Any

from posterity.configuration import trials
from posterity.configuration.checks import Checked
from posterity.configuration.known import points
from posterity.configuration.problems import Problems
from posterity.errors import PosterityError

__all__ = ["check", "settings"]


def check(c: Checked, experiment: str, problems: Problems) -> None:
    """Add a line for every reason why the experiment's explorer cannot be made."""
    given, at = c.experiments[experiment].get("explorer"), f"experiments.{experiment}.explorer"
    if given is None:
        return
    problems.known(f"{at}.dataset", given["dataset"], c.config["datasets"], "dataset")
    problems.known(f"{at}.prior", given["prior"], c.config["priors"], "prior")
    prior, dataset = c.priors.get(given["prior"]), c.datasets.get(given["dataset"])
    if prior is not None and (prior["kind"] != "kernel" or "autoencoder" in prior or points(prior)):
        problems.add(
            f"{at}.prior",
            given["prior"],
            "must be a kernel prior of images with a bandwidth above 0, since the page computes its posterior",
        )
    if dataset is None:
        return
    try:
        shape = trials.outline(dataset).shape(dataset["size"])
    except PosterityError:
        return  # reported already
    if len(shape) != 3 or shape[1] % 4:
        problems.add(f"{at}.dataset", given["dataset"], f"must hold images whose side is a multiple of 4, not {shape}")


def settings(c: Checked, experiment: str) -> dict[str, Any]:
    """Return the settings of the stage for an experiment that has an explorer."""
    given = c.experiments[experiment]["explorer"]
    return {
        "title": c.experiments[experiment]["title"],
        "dataset": given["dataset"],
        "prior": c.prior(given["prior"]),
        "items": given.get("items", 8),
    }
