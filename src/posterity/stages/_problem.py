"""Loads the inputs that the stages "posterior", "sample" and "severity" share: measurements, operator and prior."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity import priors, signals
from posterity.artifacts import images, store
from posterity.artifacts.signals import decode
from posterity.errors import PosterityError
from posterity.jobs import devices
from posterity.operators.base import Operator
from posterity.operators.build import build
from posterity.priors import families
from posterity.priors.base import Prior
from posterity.samplers.severity import Severity
from posterity.signals import Kind

__all__ = ["Measured", "load"]


@dataclass(frozen=True)
class Measured:
    """All measurements of one task and the prior to invert them with; row i belongs to item ``items[i]``."""

    items: list[str]
    y: Tensor
    sigma_y: float
    operator: Operator
    prior: Prior
    kind: Kind
    severities: Mapping[str, Severity] = field(default_factory=dict)


def load(
    about: Mapping[str, Any],
    items: Path,
    regions: Path,
    measurements: Path,
    weights: Path | None = None,
    autoencoder: Path | None = None,
) -> Measured:
    """Read the artifacts; ``about`` is the resolved prior; ``weights`` is a network prior's file.

    ``autoencoder`` is the file of a network through which the prior sees signals.

    Everything is in the prior's precision and on its device: float64 on the CPU for a closed form, the network's own
    precision on the GPU, if there is one, for a network.
    """
    from safetensors.torch import load as parse

    rows = store.read(measurements, "measurements").to_pylist()
    if not rows:
        raise PosterityError(f"{measurements} holds no measurements")
    shape = tuple(rows[0]["signal_shape"])
    kind = signals.find(rows[0]["signal_kind"], rows[0]["signal_rate"])
    # only closed-form priors need the images; for a large data set they would fill the memory
    family = families.find(str(about.get("kind")))
    labels: list[dict[str, Any]] = []
    found = []
    for row in () if family.made_of == "file" else store.rows(store.read(items, "items")):
        found.append(decode(row.pop("signal"), f"item {row['item']} of {items}"))
        labels.append(row)
    known = torch.stack(found).double() if found else torch.zeros(0, *shape)
    masks = [r for r in store.read(regions, "regions").to_pylist() if r["item"] is None]
    areas = {r["region"]: images.decode(r["mask"], f"mask {r['region']}")[0] > 0 for r in masks}
    task = store.provenance(measurements)["origin"]["settings"]["task"]
    own = [parse(r["parameters"]) if r["parameters"] else {} for r in rows]
    parameters = {name: torch.cat([p[name] for p in own]) for name in own[0]}
    y = torch.stack([torch.tensor(r["y"], dtype=torch.float64).reshape(r["y_shape"]) for r in rows])
    # a closed form runs on the CPU and must not hold a GPU that other jobs could use
    of_network = family.made_of == "file" and "restorer" not in family.has
    device = devices.best() if of_network else torch.device("cpu")
    prior = priors.build(about, known, labels, areas, shape, weights, device, autoencoder)
    if about.get("label") == "item":
        prior = prior.given(_classes(items, [r["item"] for r in rows]))
    if not prior.latent:
        prior.bounds = kind.bounds
    return Measured(
        [r["item"] for r in rows],
        y.to(prior.device, prior.dtype),
        rows[0]["sigma_y"],
        build(task, shape, parameters, prior.dtype, prior.device),
        prior,
        kind,
    )


def _classes(items: Path, wanted: Sequence[str]) -> Tensor:
    """Return the class of each wanted item from its attribute ``class K``, long (N,)."""
    rows = store.read(items, "items", columns=["item", "attributes"]).to_pylist()
    found = {r["item"]: [a for a in r["attributes"] or () if re.fullmatch(r"class \d+", a)] for r in rows}
    if without := [item for item in wanted if len(found[item]) != 1]:
        raise PosterityError(
            f"{items}: item {without[0]} has no attribute `class K`, which a prior with label: item needs; bring "
            "photographs in one folder per class, of all classes, or give the prior one class"
        )
    return torch.tensor([int(found[item][0].removeprefix("class ")) for item in wanted])
