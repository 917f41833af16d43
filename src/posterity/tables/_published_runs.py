"""Published numbers by data set, prior, task and sampler: Fabian et al. 2024, Agarwal and Janati et al. 2025."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from posterity.tables import published
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import Task

__all__ = ["value"]

_LATE = {
    "dps": ("1", "Latent-DPS"), "dps_flash_256": ("1", "Flash(Latent-DPS)"), "dps_estimate_256": ("1", "AE"),
    "gml_dps": ("1", "GML-DPS"), "gml_dps_flash_256": ("1", "Flash(GML-DPS)"),
    "psld": ("1", "PSLD"), "psld_flash_256": ("1", "Flash(PSLD)"),
    "resample": ("1", "ReSample"), "resample_flash_256": ("1", "Flash(ReSample)"),
    "dps_fixed_256": ("3", "one start for all"), "dps_other_256": ("5", "encoder of the other blur"),
    "psld_unglued_100_0": ("6", "Latent-DPS in 100 steps, δ = 0"),
    "psld_unglued_100_1": ("6", "Latent-DPS in 100 steps, δ = 1"),
    "resample_50": ("7", "ReSample in 50 steps"),
    "psld_unglued_flash_100_0": ("8", "Flash(Latent-DPS) in 100 steps, δ = 0"),
    "psld_unglued_flash_100_1": ("8", "Flash(Latent-DPS) in 100 steps, δ = 1"),
    "psld_unglued_flash_20_0": ("8", "Flash(Latent-DPS) in 20 steps, δ = 0"),
    "psld_unglued_flash_20_1": ("8", "Flash(Latent-DPS) in 20 steps, δ = 1"),
}  # fmt: skip
_PIXELS = {
    "vipaint2_edm": "VIPaint-2", "vipaint4_edm": "VIPaint-4", "copaint": "CoPaint", "copaint_tt": "CoPaint-TT",
    "repaint": "RePaint", "dps": "DPS", "blended": "Blended", "reddiff": "RED-diff", "reddiff_v": "RedDiff-V",
}  # fmt: skip
_STATES = {
    "vipaint2_repo": "VIPaint-2", "vipaint4_repo": "VIPaint-4", "vipaint2_repo_churches": "VIPaint-2", "dps": "DPS",
    "psld": "PSLD", "resample_repository": "ReSample",
}  # fmt: skip
"""The public code's computation of VIPaint is the one that the table was made with."""
_LEADS = {
    "mgps": "MGPS50", "mgps_300": "MGPS300", "dps": "DPS", "pgdm": "PGDM", "ddnm": "DDNM", "diffpir": "DiffPIR",
    "reddiff": "RED-diff", "truth": "truth",
}  # fmt: skip


class _Place(NamedTuple):
    paper: str
    data: str
    samplers: Mapping[str, tuple[str, str]]
    """{sampler: (table, row)}."""


def _first(names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {sampler: ("1", row) for sampler, row in names.items()}


_PLACES: Mapping[tuple[str, str], _Place] = {
    ("ffhq-flash", "celebahq_latent"): _Place("fabian2024", "FFHQ", _LATE),
    ("ffhq-flash", "celebahq"): _Place("fabian2024", "FFHQ", _first({"dps": "DPS"})),
    ("lsun-bedroom-flash", "lsun_bedroom_latent"): _Place("fabian2024", "LSUN Bedrooms", _LATE),
    ("imagenet-64", "imagenet64"): _Place("agarwal2025", "ImageNet-64", _first(_PIXELS)),
    ("imagenet", "imagenet_latent"): _Place("agarwal2025", "ImageNet-256", _first(_STATES)),
    ("lsun-church", "lsun_church_latent"): _Place("agarwal2025", "LSUN-Churches-256", _first(_STATES)),
    ("ptbxl-whole", "ptbxl_network_whole"): _Place(
        "janati2025", "PTB-XL", {sampler: ("5", row) for sampler, row in _LEADS.items()}
    ),
}
"""{(dataset, prior): where its numbers are}."""


def _is(operator: str, sigma_y: float = 0.0, **settings: Any) -> Callable[[Task], bool]:
    """Return a test for tasks with this operator, noise and these settings."""
    wanted = {"operator": operator, "sigma_y": sigma_y, **settings}
    return lambda task: all({"sigma_y": 0.0, **task}.get(key) == value for key, value in wanted.items())


_PROBLEMS: Mapping[str, Callable[[Task], bool]] = {
    "Gaussian blur, varying": _is("blur", 0.1, width=[0.3, 3.0]),
    "Gaussian blur, fixed": _is("blur", 0.1, width=3.0),
    "Nonlinear blur": _is("nonlinear_blur", 0.1, twice_scaled=True),
    "Random inpainting": _is("inpaint", 0.1, pixels=[0.7, 0.8]),
    "Rotated window": _is("inpaint", rotated_half=True),
    "Random": _is("inpaint", free_form=[0.4, 0.8]),
    "Small": _is("inpaint", free_form=[0.0, 0.2]),
    "lead I": _is("inpaint", 0.05, observed_leads=["I"]),
}
"""The papers' names of tasks."""


def value(frames: Frames, run: Sequence[str], metric: str) -> float | None:
    """Return the number that a paper prints for a run (dataset, task, prior, sampler), None if there is none.

    ``metric`` is that of a metric, "start" for the mean start index, or the paper's name of a diagnosis.
    """
    dataset, task, prior, sampler = run
    place = _PLACES.get((dataset, prior))
    if place is None or sampler not in place.samplers:
        return None
    definition = frames.task({"dataset": dataset, "task": task})
    problem = next((name for name, fits in _PROBLEMS.items() if fits(definition)), None)
    table, row = place.samplers[sampler]
    return published.value(table, f"{place.data} / {row}", f"{problem} / {metric}", place.paper)
