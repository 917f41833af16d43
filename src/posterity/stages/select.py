"""Chooses which few samples of every pool are shown."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from posterity import subsets
from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.signals import Kind
from posterity.stages._origins import agree
from posterity.stages._settings import built

__all__ = ["FEATURES", "rehearse", "run", "unfit"]

FEATURES = ("vgg", "patch", "lpips", "attributes", "anycost")
_OF_IMAGES = ("vgg", "lpips", "anycost")
_OF_ALL = tuple(name for name in FEATURES if name not in _OF_IMAGES)
_REHEARSED = 500
"""Samples of the largest pool that is tried."""
_KEYS = ("dataset", "task", "item", "prior", "sampler")
Array = NDArray[np.floating[Any]]


def run(
    settings: dict[str, Any],
    *,
    samples: Path,
    measurements: Path,
    assets: Path,
    output: Path,
    items: Path | None = None,
) -> None:
    """Writes the artifact "subsets"; ``items`` is needed for the features "attributes" only."""
    count, kind = int(settings["count"]), settings.get("features", "vgg")
    if kind not in FEATURES:
        raise PosterityError(f"features {kind!r} do not exist; choose one of {', '.join(FEATURES)}")
    rules = {name: _rule(name, chosen, kind) for name, chosen in settings["subsets"].items()}
    agree({}, samples, measurements, items)
    pools = store.read(samples, "samples", columns=[*_KEYS, "sample", "signal"])
    first = pools["signal"].slice(0, 1).to_pylist()
    if first and (wrong := unfit(kind, signals.kind_of(first[0]), signals.decode(first[0]).shape)):
        raise PosterityError(wrong)
    extract = _extractor(kind, measurements, assets, items)
    rows: list[dict[str, Any]] = []
    for item in pc.unique(pools["item"]).to_pylist():
        pool = sorted(pools.filter(pc.equal(pools["item"], item)).to_pylist(), key=lambda r: r["sample"])
        if count > len(pool):
            raise PosterityError(f"count: {count} is more than the {len(pool)} samples of item {item!r} in {samples}")
        data = extract(item, pool) if len(pool) > count and rules else None
        for name, rule in rules.items():
            # a generator of its own for each item: other items and rules cannot change the draws
            rng = np.random.default_rng([int(settings.get("seed", 0)), zlib.crc32(f"{item}/{name}".encode())])
            chosen = _choose(rule, data, count, rng) if data else range(len(pool))
            key = {k: pool[0][k] for k in _KEYS}
            rows += [key | {"subset": name, "rank": r, "sample": pool[i]["sample"]} for r, i in enumerate(chosen)]
    store.write(output, "subsets", rows, {"settings": settings})


def unfit(features: str, kind: Kind, shape: Sequence[int]) -> str | None:
    """Return why signals (*signal) of this kind and shape have no such features; None when they have."""
    from posterity.metrics.images import undefined

    if features in _OF_IMAGES and kind.name != "image":
        return f"features {features!r} are of images, these are {kind.noun}s; choose {', '.join(_OF_ALL)}"
    small = undefined("lpips", kind, shape) if features == "lpips" else None
    return small and f"features {features!r}: {small.removeprefix('N/A: ')}"


def rehearse(rule: Mapping[str, Any], kind: str, pool: int, count: int) -> None:
    """Choose ``count`` of ``pool`` random numbers, as :func:`run` chooses samples.

    Raises:
        PosterityError: when the rule's settings are impossible, or leave too few samples to choose from.
    """
    made = _rule(rule["method"], rule, kind)
    if count < pool <= _REHEARSED and made.reads == "distances":
        places = np.random.default_rng(0).normal(size=pool)
        _choose(made, {"distances": abs(places[:, None] - places)}, count, np.random.default_rng(0))


def _rule(name: str, chosen: Mapping[str, Any], kind: str) -> subsets.Rule:
    given = {k: v for k, v in chosen.items() if k != "method"}
    method = chosen.get("method", name)
    if method == "uniformization" and kind == "lpips":
        given.setdefault("dimension", 5)  # the published code's choice for perceptual distances
    try:
        return built(subsets.find(method), given, f"subset {name}")
    except KeyError:
        raise PosterityError(
            f"subset method {method!r} does not exist; choose one of {', '.join(subsets.names())}"
        ) from None


def _choose(rule: subsets.Rule, data: dict[str, Array], count: int, rng: np.random.Generator) -> list[int]:
    try:
        return rule.choose(data[rule.reads], count, rng)
    except ValueError as error:
        raise PosterityError(str(error)) from error


def _extractor(kind: str, measurements: Path, assets: Path, items: Path | None) -> Any:
    """A function of (item, pool rows) → {"features": (N, ≤25), "distances": (N, N)}."""
    from posterity.features import pca

    def both(raw: Array) -> dict[str, Array]:
        short = pca.pca(raw)
        return {"features": short, "distances": pca.distances(short)}

    def stacked(pool: list[dict[str, Any]]) -> Any:
        return signals.stack([r["signal"] for r in pool])

    if kind == "patch":
        from posterity.features.patch import patch

        keeps = _keeps(measurements)
        return lambda item, pool: both(patch(stacked(pool), keeps.get(item)))
    if kind == "attributes":
        from posterity.features.attributes import fit

        if items is None:
            raise PosterityError("features 'attributes' need the data set's items.parquet, which was not given")
        known = store.read(items, "items").to_pylist()
        known = [r for r in known if r["split"] == "prior"] or known
        try:
            model = fit(signals.stack([r["signal"] for r in known]), [r["attributes"] or [] for r in known])
        except ValueError as error:
            raise PosterityError(f"features 'attributes' of {items}: {error}") from error
        return lambda _item, pool: both(model.logits(stacked(pool)))
    from posterity.assets import anycost, vgg16

    if kind == "anycost":
        from posterity.features.anycost import anycost as predict

        predictor = anycost(assets)
        return lambda _item, pool: both(predict(stacked(pool), predictor))
    weights = vgg16(assets)
    if kind == "vgg":
        from posterity.features.vgg import vgg

        return lambda _item, pool: both(vgg(stacked(pool), weights))
    from posterity.features.lpips import LPIPS

    net = LPIPS(weights)

    def perceptual(_item: str, pool: list[dict[str, Any]]) -> dict[str, Array]:
        squared = net.pairs(stacked(pool))
        return {"features": pca.embed(squared), "distances": squared}

    return perceptual


def _keeps(measurements: Path) -> dict[str, Any]:
    from safetensors.torch import load

    rows = store.read(measurements, "measurements", columns=["item", "parameters"]).to_pylist()
    return {r["item"]: load(r["parameters"]).get("keep") if r["parameters"] else None for r in rows}
