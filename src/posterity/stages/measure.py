"""Measures samples, the sets that are shown, and whole pools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.jobs.interruption import between_items
from posterity.jobs.resume import Parts
from posterity.recipes import Recipe
from posterity.stages._metric_rows import Rows, attempted
from posterity.stages._origins import agree
from posterity.stages._target import Target

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "run"]

METRICS = (
    "mae", "rmse", "psnr", "ssim", "ssim_mirror", "ssim_zeros", "ssim_luma", "lpips", "niqe", "lr_psnr", "residual_rms",
    "diversity", "coverage", "tv", "modes_shown", "sliced_wasserstein", "fid",
)  # fmt: skip
_FID_LEAST = 50
"""Items; the published tables use 1000, and with fewer the bias of FID is larger than what it should tell apart."""
_UNRECORDED = "N/A: no entry of y is measured, or the misfit is not finite"
_UNKNOWN = "N/A: nobody knows the truth of this measurement"
_REFERENCED = ("psnr", "ssim", "ssim_mirror", "ssim_zeros", "ssim_luma")
_PERCEPTUAL = ("lpips", "diversity", "coverage")
_KEYS = ("dataset", "task", "item", "prior", "sampler", "method", "wrappers")


def run(
    settings: dict[str, Any], *, samples: Path, measurements: Path, subsets: Path | None, posterior: Path | None,
    reference: Path | None, assets: Path, output: Path,
) -> None:  # fmt: skip
    """Writes the artifact "metrics"; ``reference`` holds the exact sampler's pools.

    Distances to the exact posterior are of the first ``count`` samples, so that samplers with pools of
    different sizes can be compared.
    """
    wanted, count = list(settings["metrics"]), int(settings["count"])
    unknown = [m for m in wanted if m not in METRICS]
    if unknown:
        raise PosterityError(f"metric {unknown[0]!r} does not exist; choose out of {', '.join(METRICS)}")
    agree({}, samples, measurements, subsets, posterior)
    agree({}, *((measurements, posterior, reference) if reference else ()))
    pools = _by_item(samples, "samples")
    for item, pool in pools.items():
        if count > len(pool):
            raise PosterityError(f"count: {count} is more than the {len(pool)} samples of item {item!r} in {samples}")
    columns = ["item", "truth", "parameters", "signal_kind", "signal_rate", "signal_shape"]
    measured = {r["item"]: r for r in store.read(measurements, "measurements", columns).to_pylist()}
    shown = _by_item(subsets, "subsets") if subsets else {}
    exact = _by_item(posterior, "posterior") if posterior else None
    references = _by_item(reference, "samples") if reference and "sliced_wasserstein" in wanted else None
    net = _lpips(assets) if set(_PERCEPTUAL) & set(wanted) else None

    def one(item: str, pool: list[dict[str, Any]]) -> list[dict[str, Any]]:
        pool.sort(key=lambda r: r["sample"])
        out = Rows({k: pool[0][k] for k in _KEYS})
        about = Target.of(measured[item])
        x = signals.stack([r["signal"] for r in pool])
        _singles(out, wanted, pool[:count], x[:count], about, assets)
        if net:
            _perceptual(out, wanted, pool, x, about, shown.get(item, []), count, net)
        _pooled(out, wanted, pool, None if exact is None else exact.get(item, []), count, shown.get(item, []))
        if "sliced_wasserstein" in wanted:
            _sliced(out, x[:count], references.get(item) if references else None, int(settings.get("seed", 0)))
        return out.rows

    given = [p for p in (samples, measurements, subsets, posterior, reference) if p]
    rows = _absent(samples, wanted) if not pools else []
    with Parts(output, "metrics", settings, given) as parts, between_items() as pause:
        if parts.restored():
            return
        for number, (item, pool) in enumerate(pools.items()):
            found = parts.read(item)
            if found is None:
                pause(f"{number} of {len(pools)} items")
                if item not in measured:
                    raise PosterityError(f"item {item!r} of {samples} has no measurement in {measurements}")
                found = one(item, pool)
                parts.write(item, found)
            rows += found
        if "fid" in wanted and pools:
            rows += _fid(pools, measured, count, assets)
        parts.publish(rows)


def _by_item(path: Path, kind: str) -> dict[str, list[dict[str, Any]]]:
    table = store.read(path, kind)
    return {i: table.filter(pc.equal(table["item"], i)).to_pylist() for i in pc.unique(table["item"]).to_pylist()}


def _absent(samples: Path, wanted: list[str]) -> list[dict[str, Any]]:
    """One row a metric of a run that has no samples, with the reason that it gives."""
    origin = store.provenance(samples)["origin"]
    run = origin["settings"]
    recipe = Recipe.of(run["sampler"])
    key = {
        "dataset": run["dataset"],
        "task": run["task"],
        "prior": run["prior"]["name"],
        "sampler": run["sampler"]["name"],
        "method": recipe.method,
        "wrappers": recipe.column,
    }
    return [key | {"metric": metric, "reason": origin.get("reason", "N/A: no samples")} for metric in wanted]


def _lpips(assets: Path) -> Any:
    from posterity.assets import vgg16
    from posterity.features.lpips import LPIPS

    return LPIPS(vgg16(assets))


def _singles(out: Rows, wanted: list[str], pool: list[dict[str, Any]], x: Tensor, about: Target, assets: Path) -> None:
    from posterity.metrics import errors
    from posterity.metrics import images as single

    numbers = [r["sample"] for r in pool]
    unknown = _UNKNOWN if about.truth is None else None
    for metric in (m for m in _REFERENCED if m in wanted):
        beside = None if about.truth is None else about.truth[None]
        compute = partial(_of_places, getattr(single, metric), x, beside)
        out.each(metric, numbers, compute, single.undefined(metric, about.kind, x.shape) or unknown)
    for metric in (m for m in ("mae", "rmse") if m in wanted):
        compute = partial(_of_places, partial(getattr(errors, metric), missing=about.missing), x, about.truth)
        out.each(metric, numbers, compute, unknown)
    if "niqe" in wanted:
        small = single.undefined("niqe", about.kind, x.shape)
        parameters = Path() if small else _niqe(assets)
        out.each("niqe", numbers, partial(_of_places, single.niqe, x, parameters), small)
    for column in (m for m in ("lr_psnr", "residual_rms") if m in wanted):
        for row in pool:
            of_images = single.undefined(column, about.kind, x.shape) if column == "lr_psnr" else None
            reason = of_images or _UNRECORDED if row[column] is None else None
            out.add(column, row[column], sample=row["sample"], reason=reason)


def _of_places(compute: Callable[..., list[float]], x: Tensor, beside: Any, places: list[int]) -> list[float]:
    return compute(x[places], beside)


def _niqe(assets: Path) -> Path:
    from posterity.assets import niqe

    return niqe(assets)


def _perceptual(
    out: Rows,
    wanted: list[str],
    pool: list[dict[str, Any]],
    x: Any,
    about: Target,
    shown: list[dict[str, Any]],
    count: int,
    net: Any,
) -> None:
    """LPIPS to the truth, diversity and coverage, all out of one matrix whose last row is the truth.

    Diversity and coverage of what is no image are of RMS differences over the missing entries.
    """
    import numpy as np
    import torch

    from posterity.metrics import errors, sets
    from posterity.metrics import images as single

    whole = bool({"coverage"} & set(wanted)) or bool(shown)
    used = len(pool) if whole else min(count, len(pool))
    known = x[:used] if about.truth is None else torch.cat([x[:used], about.truth[None].expand_as(x[:1])])
    small = single.undefined("lpips", about.kind, x.shape)
    if about.kind.name == "image":
        every, reason = attempted("lpips", net.pairs, known, reason=small)
    else:
        every, reason = attempted("diversity", errors.pairs, known, about.missing)
    place = {r["sample"]: i for i, r in enumerate(pool)}
    if "lpips" in wanted:
        for k, row in enumerate(pool[:count]):
            why = small or reason or (_UNKNOWN if about.truth is None else None)
            out.add("lpips", None if every is None or why else float(every[-1, k]), sample=row["sample"], reason=why)
    chosen: dict[str | None, list[int]] = {None: list(range(min(count, used)))}
    for row in sorted(shown, key=lambda r: (r["subset"], r["rank"])):
        chosen.setdefault(row["subset"], []).append(place[row["sample"]])
    distances = np.empty((0, 0)) if every is None else every[:used, :used]
    for name, members in chosen.items():
        if "diversity" in wanted:
            among = distances[members][:, members] if reason is None else distances
            out.whole("diversity", sets.diversity, among, subset=name, reason=reason)
        if "coverage" in wanted:
            why = reason or ("N/A: the whole pool is shown" if len(set(members)) == used else None)
            out.whole("coverage", sets.coverage, distances, members, subset=name, reason=why)


def _pooled(
    out: Rows, wanted: list[str], pool: list[dict[str, Any]], exact: list[dict[str, Any]] | None, count: int,
    shown: list[dict[str, Any]],
) -> None:  # fmt: skip
    from posterity.metrics import sets

    modes = [r["mode"] for r in pool]
    reason = None
    if not exact:
        reason = "N/A: no exact posterior"
    elif any(m is None for m in modes):
        reason = "N/A: the samples carry no modes"
    weights = {r["mode"]: r["probability"] for r in exact or []}
    if "tv" in wanted:
        out.whole("tv", sets.total_variation, modes[:count], weights, reason=reason)
    if "modes_shown" not in wanted:
        return
    by_sample = {r["sample"]: r["mode"] for r in pool}
    chosen: dict[str | None, list[Any]] = {None: modes[:count]}
    for row in shown:
        chosen.setdefault(row["subset"], []).append(by_sample[row["sample"]])
    for name, members in chosen.items():
        out.whole("modes_shown", sets.modes_shown, members, weights, subset=name, reason=reason)


def _sliced(out: Rows, x: Any, reference: list[dict[str, Any]] | None, seed: int) -> None:
    from posterity.metrics import sets

    def distance() -> float:
        other = signals.stack([r["signal"] for r in reference or ()])
        return sets.sliced_wasserstein(x.flatten(1).numpy(), other.flatten(1).numpy(), seed)

    out.whole("sliced_wasserstein", distance, reason=None if reference else "N/A: no exact samples to compare with")


def _fid(pools: dict[str, list[dict[str, Any]]], measured: dict[str, Any], count: int, assets: Path) -> list[Any]:
    """One row about all items, whose item is null: FID of the first ``count`` samples of each against the truths."""
    from posterity.assets import inception as weights

    one = next(iter(pools.values()))[0]
    out, path = Rows({k: one[k] for k in _KEYS} | {"item": None}), weights(assets)
    kind = signals.kind_of(one["signal"])
    reason = None
    if kind.name != "image":
        reason = f"N/A: fid is a number about images, this is an {kind.noun}"
    elif len(pools) < _FID_LEAST:
        reason = f"N/A: FID compares distributions and needs {_FID_LEAST} items or more"
    elif any(measured[item]["truth"] is None for item in pools):
        reason = _UNKNOWN
    if path is None or reason is not None:
        out.add("fid", None, reason=reason or "N/A: no Inception weights; `posterity fetch inception` brings them")
        return out.rows
    from posterity.features.inception import inception
    from posterity.metrics.sets import frechet

    shown = signals.stack([row["signal"] for pool in pools.values() for row in pool[:count]])
    target = signals.stack([measured[item]["truth"] for item in pools])
    out.whole("fid", lambda: frechet(inception(shown, path), inception(target, path)))
    return out.rows
