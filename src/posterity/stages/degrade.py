"""Makes the measurements of one task: y = A(x) + σ_y n for a fixed choice of items."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity.artifacts import images, store
from posterity.errors import PosterityError

__all__ = ["run"]


def run(settings: dict[str, Any], *, items: Path, regions: Path, output: Path) -> None:
    """Writes the artifact "measurements".

    Every random part is drawn from (seed, dataset, item, task), so a measurement does not depend on
    which others are made beside it.
    """
    import numpy as np
    import torch
    from safetensors.torch import save

    from posterity.diffusion.noise import generator
    from posterity.operators.build import build

    dataset, task, seed = settings["dataset"], settings["task"], int(settings["seed"])
    areas = store.read(regions, "regions").to_pylist()
    chosen = _chosen(store.read(items, "items", ["item", "split"]).to_pylist(), settings)
    found = {r["item"]: r for r in store.read(items, "items", among={"item": chosen}).to_pylist()}
    rows = []
    for item in (found[name] for name in chosen):
        masks = {r["region"]: r["mask"] for r in areas if r["item"] in (None, item["item"])}
        x = images.decode(item["image"], f"item {item['item']} of {items}").double()[None]
        key = (seed, dataset, item["item"], task["name"])
        variant, parameters = _own_parameters(task, tuple(x.shape[1:]), masks, generator(*key, "mask"))
        operator = build(task, tuple(x.shape[1:]), parameters)
        y = operator(x)
        n = generator(*key, "noise").standard_normal(tuple(y.shape), dtype=np.float32)
        y = y + float(task["sigma_y"]) * operator.where_measured(y) * torch.from_numpy(n).double()
        rows.append(
            {
                "dataset": dataset,
                "task": task["name"],
                "item": item["item"],
                "variant": variant,
                "sigma_y": float(task["sigma_y"]),
                "y": y.flatten().float().numpy(),
                "y_shape": list(y.shape[1:]),
                "parameters": save({k: v.float().contiguous() for k, v in parameters.items()}) if parameters else None,
                "truth": item["image"],
                "display": images.encode(operator.display(y)[0]),
            }
        )
    store.write(output, "measurements", rows, {"settings": settings})


def _chosen(every: list[dict[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    """The first ``items`` of the test split in an order that the seed shuffles."""
    from posterity.diffusion.noise import generator

    test = sorted(r["item"] for r in every if r["split"] == "test")
    count = int(settings["items"])
    if count > len(test):
        raise PosterityError(f"items: {count} is more than the {len(test)} test items of {settings['dataset']}")
    order = generator(settings["seed"], settings["dataset"], "items").permutation(len(test))
    return [test[i] for i in order[:count]]


def _own_parameters(
    task: Mapping[str, Any], shape: tuple[int, ...], masks: Mapping[str, Any], rng: Any
) -> tuple[str | None, dict[str, Any]]:
    """(what was drawn, the operator's parameters with a leading axis of one row).

    Only masks that come with the data set are made here; an operator draws everything else itself.
    """
    from posterity.operators.build import draw
    from posterity.operators.mask_shapes import object_box, partial

    if "objects" in task:
        inside = sum(_region(task, masks, name) for name in task["objects"])
        return None, {"keep": object_box(inside > 0)[None]}
    names = task.get("regions") or task.get("face_parts")
    if not names:
        return task.get("half"), draw(task, shape, rng)
    variant = names[int(rng.integers(len(names)))]
    if "face_parts" in task:
        return variant, draw({**task, "face_part": variant}, shape, rng)
    inside = {name: _region(task, masks, name) for name in names}
    return variant, {"keep": partial(1 - inside[variant], f"task {task['name']}: region {variant!r}")[None, None]}


def _region(task: Mapping[str, Any], masks: Mapping[str, Any], name: str) -> Any:
    """1 inside a region of the data set, 0 outside, (H, W)."""
    if name not in masks:
        known = ", ".join(sorted(masks)) or "none"
        raise PosterityError(f"task {task['name']}: there is no mask for region {name!r}; regions: {known}")
    return (images.decode(masks[name], f"mask {name}")[0] > 0).float()
