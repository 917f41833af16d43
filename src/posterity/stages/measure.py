"""Measures samples, the sets that are shown, and whole pools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from posterity.artifacts import images, store
from posterity.artifacts.digest import sha256
from posterity.errors import PosterityError
from posterity.stages._interruption import between_items
from posterity.stages._parts import Parts

__all__ = ["METRICS", "run"]

METRICS = (
    "psnr", "ssim", "lpips", "niqe", "lr_psnr", "residual_rms",
    "diversity", "coverage", "tv", "modes_shown", "sliced_wasserstein", "fid",
)  # fmt: skip
_FID_LEAST = 50
"""Items; the published tables use 1000, and with fewer the bias of FID is larger than what it should tell apart."""
_KEYS = ("dataset", "task", "item", "prior", "sampler")


class _Rows:
    """Metric rows of one item."""

    def __init__(self, key: dict[str, Any]) -> None:
        self.key, self.rows = key, list[dict[str, Any]]()

    def add(
        self,
        metric: str,
        value: float | None,
        *,
        subset: str | None = None,
        sample: int | None = None,
        reason: str | None = None,
    ) -> None:
        if value is None and reason is None:
            reason = "not defined for this set"
        about = {"subset": subset, "sample": sample, "metric": metric, "value": value, "reason": reason}
        self.rows.append(self.key | about)


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
    pools = _by_item(samples, "samples")
    truths = {r["item"]: r["truth"] for r in store.read(measurements, "measurements", ["item", "truth"]).to_pylist()}
    shown = _by_item(subsets, "subsets") if subsets else {}
    exact = _by_item(posterior, "posterior") if posterior else None
    references = _by_item(reference, "samples") if reference and "sliced_wasserstein" in wanted else None
    net = _lpips(assets) if {"lpips", "diversity", "coverage"} & set(wanted) else None

    def one(item: str, pool: list[dict[str, Any]]) -> list[dict[str, Any]]:
        pool.sort(key=lambda r: r["sample"])
        out = _Rows({k: pool[0][k] for k in _KEYS})
        x = images.stack([r["image"] for r in pool])
        _singles(out, wanted, pool[:count], x[:count], images.decode(truths[item])[None], assets)
        if net:
            _perceptual(out, wanted, pool, x, truths[item], shown.get(item, []), count, net)
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
                if item not in truths:
                    raise PosterityError(f"item {item!r} of {samples} has no measurement in {measurements}")
                found = one(item, pool)
                parts.write(item, found)
            rows += found
        if "fid" in wanted and pools:
            rows += _fid(pools, truths, count, assets)
        inputs = {str(p): sha256(p) for p in given}
        parts.publish(rows, inputs=inputs)


def _by_item(path: Path, kind: str) -> dict[str, list[dict[str, Any]]]:
    table = store.read(path, kind)
    return {i: table.filter(pc.equal(table["item"], i)).to_pylist() for i in pc.unique(table["item"]).to_pylist()}


def _absent(samples: Path, wanted: list[str]) -> list[dict[str, Any]]:
    """One row a metric of a run that has no samples, with the reason that it gives."""
    origin = store.provenance(samples)["origin"]
    run = origin["settings"]
    key = {
        "dataset": run["dataset"],
        "task": run["task"],
        "prior": run["prior"]["name"],
        "sampler": run["sampler"]["name"],
    }
    return [key | {"metric": metric, "reason": origin.get("reason", "N/A: no samples")} for metric in wanted]


def _lpips(assets: Path) -> Any:
    from posterity.assets import vgg16
    from posterity.features.lpips import LPIPS

    return LPIPS(vgg16(assets))


def _singles(out: _Rows, wanted: list[str], pool: list[dict[str, Any]], x: Any, truth: Any, assets: Path) -> None:
    from posterity.metrics import images as single

    numbers = [r["sample"] for r in pool]
    for metric in (m for m in ("psnr", "ssim") if m in wanted):
        for n, v in zip(numbers, getattr(single, metric)(x, truth), strict=True):
            out.add(metric, v, sample=n)
    if "niqe" in wanted:
        small = min(x.shape[-2:]) < 96
        values, reason = single.niqe(x, Path() if small else _niqe(assets))
        for n, value in zip(numbers, values, strict=True):
            out.add("niqe", value, sample=n, reason=reason)
    for column in (m for m in ("lr_psnr", "residual_rms") if m in wanted):
        for row in pool:
            out.add(
                column, row[column], sample=row["sample"], reason=None if row[column] is not None else "not recorded"
            )


def _niqe(assets: Path) -> Path:
    from posterity.assets import niqe

    return niqe(assets)


def _perceptual(
    out: _Rows,
    wanted: list[str],
    pool: list[dict[str, Any]],
    x: Any,
    truth: Any,
    shown: list[dict[str, Any]],
    count: int,
    net: Any,
) -> None:
    """LPIPS to the truth, diversity and coverage, all out of one matrix whose last row is the truth."""
    import torch

    from posterity.metrics import sets

    whole = bool({"coverage"} & set(wanted)) or bool(shown)
    used = len(pool) if whole else min(count, len(pool))
    target = images.decode(truth)[None].expand(-1, x.shape[1], -1, -1)
    every = net.pairs(torch.cat([x[:used], target]))
    distances, place = every[:used, :used], {r["sample"]: i for i, r in enumerate(pool)}
    if "lpips" in wanted:
        for row, value in zip(pool[:count], every[-1, :used], strict=False):
            out.add("lpips", float(value), sample=row["sample"])
    chosen: dict[str | None, list[int]] = {None: list(range(min(count, used)))}
    for row in sorted(shown, key=lambda r: (r["subset"], r["rank"])):
        chosen.setdefault(row["subset"], []).append(place[row["sample"]])
    for name, members in chosen.items():
        if "diversity" in wanted:
            out.add("diversity", sets.diversity(distances[members][:, members]), subset=name)
        if "coverage" in wanted:
            value = sets.coverage(distances, members)
            out.add(
                "coverage", value, subset=name, reason=None if value is not None else "N/A: the whole pool is shown"
            )


def _pooled(
    out: _Rows, wanted: list[str], pool: list[dict[str, Any]], exact: list[dict[str, Any]] | None, count: int,
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
        out.add("tv", None if reason else sets.total_variation(modes[:count], weights), reason=reason)
    if "modes_shown" not in wanted:
        return
    by_sample = {r["sample"]: r["mode"] for r in pool}
    chosen: dict[str | None, list[Any]] = {None: modes[:count]}
    for row in shown:
        chosen.setdefault(row["subset"], []).append(by_sample[row["sample"]])
    for name, members in chosen.items():
        out.add("modes_shown", None if reason else sets.modes_shown(members, weights), subset=name, reason=reason)


def _sliced(out: _Rows, x: Any, reference: list[dict[str, Any]] | None, seed: int) -> None:
    from posterity.metrics import sets

    if not reference:
        out.add("sliced_wasserstein", None, reason="N/A: no exact samples to compare with")
        return
    other = images.stack([r["image"] for r in reference])
    value = sets.sliced_wasserstein(x.flatten(1).numpy(), other.flatten(1).numpy(), seed)
    out.add("sliced_wasserstein", value)


def _fid(pools: dict[str, list[dict[str, Any]]], truths: dict[str, Any], count: int, assets: Path) -> list[Any]:
    """One row about all items, whose item is null: FID of the first ``count`` samples of each against the truths."""
    from posterity.assets import inception as weights

    one = next(iter(pools.values()))[0]
    out, path = _Rows({k: one[k] for k in _KEYS} | {"item": None}), weights(assets)
    if path is None:
        out.add("fid", None, reason="N/A: no Inception weights; `posterity fetch inception` brings them")
        return out.rows
    if len(pools) < _FID_LEAST:
        out.add("fid", None, reason=f"N/A: FID compares distributions and needs {_FID_LEAST} items or more")
        return out.rows
    from posterity.features.inception import inception
    from posterity.metrics.sets import frechet

    shown = images.stack([row["image"] for pool in pools.values() for row in pool[:count]])
    target = images.stack([truths[item] for item in pools])
    out.add("fid", frechet(inception(shown, path), inception(target, path)))
    return out.rows
