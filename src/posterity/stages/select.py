"""Chooses the few samples of each pool that are shown."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from posterity import assets as files
from posterity import features, subsets
from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.features.base import Extracted, Features, Given
from posterity.signals import Kind
from posterity.stages._origins import agree
from posterity.stages._settings import Select, built

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["of_pool", "rehearse", "run", "unfit"]

_REHEARSED = 500
"""Size of the largest pool that a rehearsal tries."""
_KEYS = ("dataset", "task", "item", "prior", "sampler")


def run(
    settings: dict[str, Any],
    *,
    samples: Path,
    measurements: Path,
    assets: Path,
    output: Path,
    items: Path | None = None,
) -> None:
    """Write the artifact "subsets"; only the features "attributes" need ``items``."""
    how = Select.of(settings)
    count, kind = how.count, how.features
    features.REGISTRY.known(kind)
    rules = {name: _rule(name, chosen, kind) for name, chosen in how.subsets.items()}
    agree({}, samples, measurements, items)
    pools = store.read(samples, "samples", columns=[*_KEYS, "sample", "signal"])
    first = pools["signal"].slice(0, 1).to_pylist()
    if first and (wrong := unfit(kind, signals.kind_of(first[0]), signals.decode(first[0]).shape)):
        raise PosterityError(wrong)
    extractor = features.find(kind)
    given = _given(extractor, assets, items)
    try:
        made = extractor(given)
    except ValueError as error:
        raise PosterityError(f"features {kind!r} of {items}: {error}") from error
    keeps = _keeps(measurements) if "mask" in extractor.needs else {}
    rows: list[dict[str, Any]] = []
    for item in pc.unique(pools["item"]).to_pylist():
        pool = sorted(pools.filter(pc.equal(pools["item"], item)).to_pylist(), key=lambda r: r["sample"])
        if count > len(pool):
            raise PosterityError(f"count: {count} is more than the {len(pool)} samples of item {item!r} in {samples}")
        data = None
        if len(pool) > count and rules:
            data = made.extract(signals.stack([r["signal"] for r in pool]), keeps.get(item))
        for name, rule in rules.items():
            rng = _generator(how.seed, item, name)
            chosen = _choose(rule, data, count, rng) if data else range(len(pool))
            key = {k: pool[0][k] for k in _KEYS}
            rows += [key | {"subset": name, "rank": r, "sample": pool[i]["sample"]} for r, i in enumerate(chosen)]
    store.write(output, "subsets", rows, {"settings": settings})


def of_pool(name: str, x: Tensor, keep: Tensor | None, count: int, *, seed: int, item: str) -> list[int]:
    """Return the samples of one pool that the rule ``name`` shows, compared on their hidden entries as in :func:`run`.

    Arguments:
        name: name of the rule, which gets its default settings.
        x: the pool as signals, (N, *signal).
        keep: the measurement's mask, (1, …); None if there is none.
        count: number of samples to show.
        seed: seed of the rule's draws.
        item: name of the item, which also seeds the draws.
    """
    rule = _rule(name, {}, "patch")
    if not 1 <= count <= len(x):
        raise PosterityError(f"count: {count} is not between 1 and the {len(x)} samples of {item}")
    if count == len(x):
        return list(range(count))
    extracted = features.find("patch")(Given()).extract(x, keep)
    return _choose(rule, extracted, count, _generator(seed, item, name))


def unfit(name: str, kind: Kind, shape: Sequence[int]) -> str | None:
    """Return why the features are undefined for signals of this kind and shape (*signal); None if they are defined."""
    said = features.find(name).unfit(kind, shape)
    if said is None:
        return None
    others = [other for other in features.names() if features.find(other).unfit(kind, shape) is None]
    return f"features {name!r} {said}; choose {', '.join(others)}"


def rehearse(rule: Mapping[str, Any], kind: str, pool: int, count: int) -> None:
    """Rehearse :func:`run`: choose ``count`` of ``pool`` random vectors.

    Raises:
        PosterityError: if the rule's settings are impossible, or leave too few samples to choose from.
    """
    made = _rule(rule["method"], rule, kind)
    if count < pool <= _REHEARSED and made.reads == "distances":
        places = np.random.default_rng(0).normal(size=pool)
        distances = abs(places[:, None] - places)
        _choose(made, Extracted(places[:, None], distances), count, np.random.default_rng(0))


def _rule(name: str, chosen: Mapping[str, Any], kind: str) -> subsets.Rule:
    given = {k: v for k, v in chosen.items() if k != "method"}
    method = chosen.get("method", name)
    rule = subsets.find(method)
    return built(rule, {**features.find(kind).published.get(method, {}), **given}, f"subset {name}")


def _choose(rule: subsets.Rule, data: Extracted, count: int, rng: np.random.Generator) -> list[int]:
    try:
        return rule.choose(getattr(data, rule.reads), count, rng)
    except ValueError as error:
        raise PosterityError(str(error)) from error


def _generator(seed: int, item: str, name: str) -> np.random.Generator:
    """Return a generator of this item and rule, so that other items and rules cannot change its draws."""
    return np.random.default_rng([seed, zlib.crc32(f"{item}/{name}".encode())])


def _given(kind: type[Features], assets: Path, items: Path | None) -> Given:
    """Load what the features are computed from."""
    weights = getattr(files, kind.asset)(assets) if kind.asset else None
    if "attributes" not in kind.needs:
        return Given(weights)
    if items is None:
        raise PosterityError("features 'attributes' need the data set's items.parquet, which was not given")
    known = store.read(items, "items").to_pylist()
    known = [r for r in known if r["split"] == "prior"] or known
    return Given(weights, signals.stack([r["signal"] for r in known]), [r["attributes"] or [] for r in known])


def _keeps(measurements: Path) -> dict[str, Any]:
    from safetensors.torch import load

    rows = store.read(measurements, "measurements", columns=["item", "parameters"]).to_pylist()
    return {r["item"]: load(r["parameters"]).get("keep") if r["parameters"] else None for r in rows}
