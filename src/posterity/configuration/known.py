"""What the library can do, told without importing it (torch takes seconds); tests keep it equal to the code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from posterity.capabilities import capabilities, in_words, missing
from posterity.configuration.shapes import schema

__all__ = [
    "ANSWERED", "REFERENCES", "RULES", "TOYS", "closed_form", "exact", "has", "lacking", "own", "points",
]  # fmt: skip

_ALL = frozenset({"linear", "adjoint", "pinv", "svd"})

TOYS = ("mixture", "gaussian")
"""Priors of the closed-form problems, which come in any dimension."""
REFERENCES = ("prior", "exact_score", "recursion")
"""What is named like a sampler there: bounds from both sides, and the moment recursion."""
RULES = (
    "all", "fetch", "prepare", "degrade", "train_autoencoder", "train_prior", "train_severity", "convert_prior",
    "convert_autoencoder", "posterior", "severity", "sample", "select", "measure", "study", "study_simulated",
    "analyse", "distance", "gather", "table", "figure", "explorer", "report",
)  # fmt: skip
"""The workflow's rules; an experiment is one too, and needs a name of its own."""
ANSWERED = ("study_subsets", "study_guidance", "diversity_coverage", "distance_similarity")
"""Figures of a study's answers."""


def own(kind: str) -> bool:
    """Return whether datasets of this kind are made of a person's own files and of no asset."""
    return bool(schema("datasets")[kind]["own"])


def has(operator: str) -> frozenset[str]:
    """Return what the operators of a family have."""
    return frozenset(schema("operators")[operator]["has"])


def points(prior: Mapping[str, Any]) -> bool:
    """Return whether the prior is of points alone, which it is at bandwidth 0."""
    return bool(prior.get("bandwidth") == 0)


def closed_form(prior: Mapping[str, Any]) -> frozenset[str]:
    """Return the operators for which the prior has an exact posterior, some of them under noise alone (:func:`exact`).

    Of states it has one for every linear operator, behind a network none; points have one for every operator.
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
    """Return what keeps a sampler with these ``needs`` from the task, in words; None if nothing does."""
    operator = task["operator"]
    of_prior = {*schema("priors")[prior["kind"]]["has"]} | ({"posterior"} if exact(task, prior) else set())
    needs = {*needs} if "restorer" in needs else {*needs, "denoiser"}
    if "autoencoder" in prior:
        of_prior.add("latent")
        if "latent" not in needs and needs & (_ALL | {"mask"}):
            needs = {*needs - _ALL - {"mask"}, "signals"}
    return in_words(missing(needs, capabilities(of_prior, has(operator), task["sigma_y"]))) or None
