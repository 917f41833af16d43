"""Makes the measurements of one task: y = A(x) + σ_y n for a fixed choice of items."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import images, signals, store
from posterity.errors import PosterityError
from posterity.stages._origins import agree
from posterity.stages._settings import Degrade

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.datasets.items import Outline
    from posterity.operators.base import Operator

__all__ = ["measure", "rehearse", "run"]


def run(settings: dict[str, Any], *, items: Path, regions: Path, output: Path) -> None:
    """Write the artifact "measurements".

    All randomness is seeded with (seed, dataset, item, task), so a measurement does not depend on which others are
    made in the same run.
    """
    from safetensors.torch import save

    how = Degrade.of(settings)
    agree({"dataset": how.dataset}, items, regions)
    dataset, task = how.dataset, how.task.given
    areas = store.read(regions, "regions").to_pylist()
    chosen = _chosen(store.read(items, "items", ["item", "split"]).to_pylist(), how)
    found = {r["item"]: r for r in store.read(items, "items", among={"item": chosen}).to_pylist()}
    rows = []
    for item in (found[name] for name in chosen):
        masks = {r["region"]: r["mask"] for r in areas if r["item"] in (None, item["item"])}
        name = f"item {item['item']} of {items}"
        kind, x = signals.kind_of(item["signal"], name), signals.decode(item["signal"], name).double()[None]
        key = (how.seed, dataset, item["item"], task["name"])
        variant, parameters, operator, y = measure(task, x, key, masks, f"item {item['item']}")
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
                "signal_kind": kind.name,
                "signal_rate": kind.rate,
                "signal_shape": list(x.shape[1:]),
                "truth": item["signal"],
                "display": signals.encode(operator.display(y)[0], kind),
            }
        )
    store.write(output, "measurements", rows, {"settings": settings})


def measure(
    task: Mapping[str, Any], x: Tensor, key: tuple[object, ...], masks: Mapping[str, Any], called: str
) -> tuple[str | None, dict[str, Tensor], Operator, Tensor]:
    """Return (what was drawn, operator parameters, A, y) for one signal (1, *signal), with all draws seeded by ``key``.

    Arguments:
        task: its settings, with its name.
        x: the signal, (1, *signal), float64.
        key: seed of every draw.
        masks: {region: its mask image} of the signal.
        called: name of the signal in error messages.
    """
    import numpy as np
    import torch

    from posterity.diffusion.noise import generator
    from posterity.operators.build import build, draw_for

    area = partial(_region, task, masks)
    variant, parameters = draw_for(task, tuple(x.shape[1:]), generator(*key, "mask"), area)
    operator = build(task, tuple(x.shape[1:]), parameters)
    y = _applied(operator, x, f"task {task['name']} on {called}")
    n = generator(*key, "noise").standard_normal(tuple(y.shape), dtype=np.float32)
    y = y + float(task["sigma_y"]) * operator.where_measured(y) * torch.from_numpy(n).double()
    return variant, parameters, operator, y


def rehearse(task: Mapping[str, Any], outline: Outline, size: int) -> None:
    """Rehearse :func:`run` on a grey ramp in place of a data set.

    Arguments:
        task: its settings, with its name.
        outline: of the data set, which need not be on disk.
        size: pixels per side, or samples in time.

    Raises:
        PosterityError: if the operator cannot be built for such signals, or the data set has no such mask.
    """
    import numpy as np
    import torch

    from posterity.operators.build import build, draw_for, family

    shape, masks = outline.shape(size), {k: images.encode(_white(m)) for k, m in outline.regions(size).items()}
    # for masks that differ per item only the names are known
    inside = np.zeros((size, size), dtype=bool)
    inside[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = True
    masks |= {name: images.encode(_white(inside)) for name in outline.own}
    x = torch.linspace(-1, 1, size, dtype=torch.float64).expand(1, *shape)
    rehearsals = family(task, shape).rehearsals
    for number in range(max(1, rehearsals)):
        _, parameters = draw_for(task, shape, np.random.default_rng(number), partial(_region, task, masks))
        if rehearsals:
            operator = build(task, shape, parameters)
            operator.display(_applied(operator, x, f"task {task['name']}"))


def _white(inside: Any) -> Tensor:
    """Return a mask (H, W), 1 inside, as an image (1, H, W) in [-1, 1], white inside."""
    import torch

    return torch.from_numpy(inside)[None].double() * 2 - 1


def _applied(operator: Operator, x: Tensor, what: str) -> Tensor:
    """Return A(x), which must be finite."""
    y = operator(x)
    if not bool(y.isfinite().all()):
        raise PosterityError(f"{what}: the measurement is not finite; the operator's settings are too extreme")
    return y


def _chosen(every: list[dict[str, Any]], how: Degrade) -> list[str]:
    """Return the first ``items`` of the test split in an order that the seed shuffles."""
    from posterity.diffusion.noise import generator

    test = sorted(r["item"] for r in every if r["split"] == "test")
    if how.items > len(test):
        raise PosterityError(f"items: {how.items} is more than the {len(test)} test items of {how.dataset}")
    order = generator(how.seed, how.dataset, "items").permutation(len(test))
    return [test[i] for i in order[: how.items]]


def _region(task: Mapping[str, Any], masks: Mapping[str, Any], name: str) -> Any:
    """Return the mask of a region of the data set, (H, W): 1 inside, 0 outside."""
    if name not in masks:
        known = ", ".join(sorted(masks)) or "none"
        raise PosterityError(f"task {task['name']}: there is no mask for region {name!r}; regions: {known}")
    return (images.decode(masks[name], f"mask {name}")[0] > 0).float()
