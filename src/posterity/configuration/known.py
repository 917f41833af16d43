"""Capabilities of the library, readable without importing torch; tests keep them equal to the code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from posterity.capabilities import capabilities, in_words, missing
from posterity.configuration.shapes import schema

__all__ = [
    "ANSWERED", "NETWORKS", "REFERENCES", "RULES", "TOYS", "closed_form", "exact", "has", "lacking", "own", "points",
]  # fmt: skip

_ALL = frozenset({"linear", "adjoint", "pinv", "svd"})

TOYS = ("mixture", "gaussian")
"""Priors of the closed-form problems, which come in any dimension."""
NETWORKS = ("network", "conditional")
"""Kinds of priors that are trained, with a card beside their weights."""
REFERENCES = ("prior", "exact_score", "recursion")
"""Reference entries of closed-form problems, named like samplers: bounds from both sides, and the moment recursion."""
RULES = (
    "all", "fetch", "prepare", "degrade", "train_autoencoder", "train_prior", "train_severity", "train_classifier",
    "convert_prior", "convert_autoencoder", "posterior", "severity", "sample", "select", "measure", "classify",
    "study", "study_simulated", "analyse", "distance", "gather", "table", "figure", "explorer", "report",
)  # fmt: skip
"""The workflow's rules; each experiment becomes a rule too, so its name must differ from these."""
ANSWERED = ("study_subsets", "study_guidance", "diversity_coverage", "distance_similarity")
"""Figures drawn from a study's answers."""


def own(kind: str) -> bool:
    """Return whether datasets of this kind are made from the user's own files instead of an asset."""
    return bool(schema("datasets")[kind]["own"])


def has(operator: str) -> frozenset[str]:
    """Return the capabilities of a family's operators (``Operator.has``)."""
    return frozenset(schema("operators")[operator]["has"])


def points(prior: Mapping[str, Any]) -> bool:
    """Return whether the prior consists of points, i.e. has bandwidth 0."""
    return bool(prior.get("bandwidth") == 0)


def closed_form(prior: Mapping[str, Any]) -> frozenset[str]:
    """Return the operators whose posterior under this prior is exact, some of them only with noise (:func:`exact`).

    A latent prior has one for every linear operator, or none if its decoder is a network; points have one for all.
    """
    needs, coder = schema("priors")[prior["kind"]]["closed_form"], prior.get("autoencoder")
    if needs is not None and points(prior):
        needs = []
    elif needs is not None and coder is not None:
        needs = None if isinstance(coder, Mapping) and coder["kind"] == "network" else ["linear"]
    return frozenset(name for name in schema("operators") if needs is not None and has(name) >= {*needs})


def exact(task: Mapping[str, Any], prior: Mapping[str, Any]) -> bool:
    """Return whether the prior's posterior is known for the task."""
    return task["operator"] in closed_form(prior) and (task["sigma_y"] > 0 or not points(prior))


def lacking(needs: Collection[str], task: Mapping[str, Any], prior: Mapping[str, Any]) -> str | None:
    """Return why a sampler with these ``needs`` cannot do the task, in words; None if it can."""
    operator = task["operator"]
    of_prior = {*schema("priors")[prior["kind"]]["has"]} | ({"posterior"} if exact(task, prior) else set())
    needs = {*needs} if {*needs} & {"restorer", "conditional"} else {*needs, "denoiser"}
    if "autoencoder" in prior:
        of_prior.add("latent")
        if "latent" not in needs and needs & (_ALL | {"mask"}):
            needs = {*needs - _ALL - {"mask"}, "signals"}
    return in_words(missing(needs, capabilities(of_prior, has(operator), task["sigma_y"]))) or None
