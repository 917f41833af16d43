"""Computes the metrics of samples, shown sets, pools and runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from posterity import metrics
from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.jobs.interruption import between_items
from posterity.jobs.resume import Parts
from posterity.metrics.base import Metric, Pool, PoolMetric, Run, RunMetric, SampleMetric, SetMetric
from posterity.stages._metric_rows import Rows
from posterity.stages._origins import agree, run_key
from posterity.stages._settings import Measure
from posterity.stages._target import Target

__all__ = ["run"]

_KEYS = ("dataset", "task", "item", "prior", "sampler", "method", "wrappers")
_RECORDED = ("lr_psnr", "residual_rms", "mode")


def run(
    settings: dict[str, Any], *, samples: Path, measurements: Path, subsets: Path | None, posterior: Path | None,
    reference: Path | None, assets: Path, output: Path,
) -> None:  # fmt: skip
    """Write the artifact "metrics"; ``reference`` holds the exact sampler's pools.

    Distances to the exact posterior use the first ``count`` samples of each pool, so that samplers with pools of
    different sizes are comparable.
    """
    how = Measure.of(settings)
    wanted, count = {name: metrics.find(name)() for name in how.metrics}, how.count
    agree({}, samples, measurements, subsets, posterior)
    agree({}, *((measurements, posterior, reference) if reference else ()))
    pools = _by_item(samples, "samples")
    for item, pool in pools.items():
        if count > len(pool):
            raise PosterityError(f"count: {count} is more than the {len(pool)} samples of item {item!r} in {samples}")
    columns = ["item", "truth", "parameters", "signal_kind", "signal_rate", "signal_shape"]
    measured = {r["item"]: r for r in store.read(measurements, "measurements", columns).to_pylist()}
    shown = _by_item(subsets, "subsets") if subsets else {}
    exact = _by_item(posterior, "posterior") if posterior else {}
    compare = reference and any("reference" in metric.needs for metric in wanted.values())
    references = _by_item(reference, "samples") if reference and compare else {}
    find = partial(_file, assets)

    def one(item: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows.sort(key=lambda r: r["sample"])
        chosen = shown.get(item, [])
        whole = bool(chosen) or any(isinstance(m, SetMetric) and m.whole for m in wanted.values())
        about = Target.of(measured[item])
        draws = references.get(item)
        pool = Pool(
            about.kind, signals.stack([r["signal"] for r in rows]), count, about.missing,
            {column: [r[column] for r in rows] for column in _RECORDED}, find, about.truth,
            {r["mode"]: r["probability"] for r in exact.get(item, [])},
            signals.stack([r["signal"] for r in draws]) if draws else None,
            len(rows) if whole else count, how.seed,
        )  # fmt: skip
        out = Rows({k: rows[0][k] for k in _KEYS})
        _measure(out, wanted, pool, [r["sample"] for r in rows], chosen)
        return out.rows

    given = [p for p in (samples, measurements, subsets, posterior, reference) if p]
    rows = _absent(samples, list(wanted)) if not pools else []
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
        if pools:
            rows += _together(wanted, pools, measured, count, assets)
        parts.publish(rows)


def _by_item(path: Path, kind: str) -> dict[str, list[dict[str, Any]]]:
    table = store.read(path, kind)
    return {i: table.filter(pc.equal(table["item"], i)).to_pylist() for i in pc.unique(table["item"]).to_pylist()}


def _absent(samples: Path, wanted: list[str]) -> list[dict[str, Any]]:
    """Return one null row per metric for a run without samples, with the reason that the run recorded."""
    origin = store.provenance(samples)["origin"]
    key = run_key(origin)
    return [key | {"metric": metric, "reason": origin.get("reason", "N/A: no samples")} for metric in wanted]


def _file(root: Path, asset: str) -> Any:
    """Return the path of an asset under ``root``; None for an optional one that was not fetched."""
    from posterity import assets

    return getattr(assets, asset)(root)


def _measure(
    out: Rows, wanted: Mapping[str, Metric], pool: Pool, samples: list[int], shown: list[dict[str, Any]]
) -> None:
    """Add the rows of the samples, then of the sets, then of the pool.

    Arguments:
        out: collects the rows.
        wanted: metrics by name.
        pool: the pool of one item.
        samples: the numbers of its samples.
        shown: rows of the artifact "subsets".
    """
    sets: dict[str | None, list[int]] = {None: list(range(pool.count))}
    for row in sorted(shown, key=lambda r: (r["subset"], r["rank"])):
        sets.setdefault(row["subset"], []).append(samples.index(row["sample"]))
    of_samples = {name: m for name, m in wanted.items() if isinstance(m, SampleMetric)}
    of_sets = {name: m for name, m in wanted.items() if isinstance(m, SetMetric)}
    of_pools = {name: m for name, m in wanted.items() if isinstance(m, PoolMetric)}
    for name, sample_metric in of_samples.items():
        compute = partial(sample_metric.values, pool)
        out.each(name, samples[: pool.count], compute, sample_metric.lacking(pool), none=sample_metric.none)
    for subset, members in sets.items():
        for name, set_metric in of_sets.items():
            why = set_metric.lacking(pool) or set_metric.unfit(pool, members)
            out.whole(name, set_metric.value, pool, members, subset=subset, reason=why)
    for name, pool_metric in of_pools.items():
        out.whole(name, pool_metric.value, pool, reason=pool_metric.lacking(pool))


def _together(
    wanted: Mapping[str, Metric], pools: dict[str, list[dict[str, Any]]], measured: dict[str, Any], count: int,
    assets: Path,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the rows computed over all items together, whose item is null."""
    one = next(iter(pools.values()))[0]
    run = Run(
        signals.kind_of(one["signal"]), len(pools), all(measured[item]["truth"] is not None for item in pools),
        lambda: signals.stack([row["signal"] for pool in pools.values() for row in pool[:count]]),
        lambda: signals.stack([measured[item]["truth"] for item in pools]),
        partial(_file, assets),
    )  # fmt: skip
    out = Rows({k: one[k] for k in _KEYS} | {"item": None})
    for name, metric in wanted.items():
        if isinstance(metric, RunMetric):
            out.whole(name, metric.value, run, reason=metric.undefined(run.kind) or metric.missing(run))
    return out.rows
