"""The dataset and the experiment of a folder of pictures, as YAML."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.datasets.items import Outline

__all__ = ["dataset", "experiment", "known"]

_MOST = 4
"""Number of test pictures restored at first."""
_EXPLORED = 12 * 2**20
"""Maximum bytes of pictures in an explorer that is asked for by default."""
_DATASET = """\
# Your own pictures; docs/own-pictures.md says what else the folder may hold.
kind: folder
path: {path}
size: {size}
license: That of the pictures' owner
"""
_EXPERIMENT = """\
title: "{name}: {title}"
count: 5
runs:
  - dataset: {name}
    tasks: [{task}]
{known}    prior: {prior}
    samplers: [{samplers}]
    samples: 20
    items: {items}
    subsets: [random, fps]
    features: patch
metrics: [{metrics}]
tables: [{tables}]
figures: [{figures}]
"""
_FEW = " It answers with pictures that it knows: few pictures give few answers, none of them the picture itself."
_EXPLORER = """\
# A page on which you hide parts of a picture and see which of the others fit.
explorer: {{dataset: {name}, prior: {prior}}}
"""


def dataset(path: str, size: int) -> str:
    """Return the dataset's YAML; ``path`` is quoted."""
    return _DATASET.format(path=path, size=size)


def experiment(name: str, prior: str, about: Mapping[str, Any], found: Outline, size: int) -> str:
    """Return the experiment's YAML, with the settings ``about`` of its prior."""
    from posterity.configuration.known import closed_form

    task, operator = ("inpaint_own", "inpaint") if found.own else ("sr16_noisy", "sr")
    exact = operator in closed_form(about)
    samplers = ["dps", "psld"] if "autoencoder" in about else ["ddnm", "ddnm_guided", "dps", "dps_guided"]
    metrics, tables, figures = ["psnr", "residual_rms"], ["cost"], ["teaser", "guidance_gallery", "restorations"]
    if exact:
        samplers = ["exact", "exact_again", *samplers]
        metrics += ["tv", "modes_shown", "sliced_wasserstein"]
        tables = ["answers", "exact_posterior", *tables]
        figures = ["answers", "error_cost", *figures]
    said = textwrap.fill(known(about, found), 112, initial_indent="    # ", subsequent_indent="    # ")
    text = _EXPERIMENT.format(
        name=name, task=task, prior=prior, samplers=", ".join(samplers), items=_restored(found),
        metrics=", ".join(metrics), tables=", ".join(tables), figures=", ".join(figures),
        title="what can the hidden parts be?" if found.own else "few pixels, what can it be?",
        known=f"{said}\n" if said else "",
    )  # fmt: skip
    return text + (_EXPLORER.format(name=name, prior=prior) if _explored(about, found, size) else "")


def known(about: Mapping[str, Any], found: Outline) -> str:
    """Say which of the pictures the prior knows; empty for a network, which knows none.

    Raises:
        PosterityError: if no picture is left for the prior, or none to restore.
    """
    from posterity.configuration.shapes import schema

    every, inside = len(found.labels or ()), _inside(found)
    if not found.most:
        raise PosterityError(f"labels.csv puts {_pictures(every)} into the split 'prior'; at least one must be 'test'")
    if schema("priors")[about["kind"]]["made_of"] == "file":
        return ""
    if about.get("split", "all") != "prior":
        return (
            f"The prior knows {_pictures(every)}, including the restored ones, so these are among its answers. "
            "The prior kernel_unseen leaves them out."
        )
    if not inside:
        raise PosterityError(
            f"no picture is left for the prior: {_pictures(every)} {'is' if every == 1 else 'are'} in the split "
            "'test', which is restored; add pictures, or use --prior kernel, which knows the restored pictures"
        )
    mirrored = " and their mirror images" if about.get("mirror") else ""
    few = _FEW if about["kind"] == "kernel" else ""
    return f"The prior knows {inside} of the {every} pictures{mirrored}. {_others(found)}{few}"


def _others(found: Outline) -> str:
    """Say how many of the test pictures are restored."""
    if found.most == 1:
        return "The other one is restored."
    if found.most <= _MOST:
        return f"The other {found.most} are restored."
    return f"Of the other {found.most}, {_MOST} are restored at first."


def _restored(found: Outline) -> int:
    return min(found.most, _MOST)


def _inside(found: Outline) -> int:
    return sum(label["split"] == "prior" for label in found.labels or ())


def _pictures(count: int) -> str:
    return "the only picture" if count == 1 else f"all {count} pictures"


def _explored(about: Mapping[str, Any], found: Outline, size: int) -> bool:
    """Return whether the experiment's page can explore the prior, and the measured pictures are unknown to it."""
    own = about["kind"] == "kernel" and about.get("split") == "prior" and "autoencoder" not in about
    held = _inside(found) * (2 if about.get("mirror") else 1) * 3 * size**2
    return own and bool(about.get("bandwidth", 1)) and size % 4 == 0 and held <= _EXPLORED
