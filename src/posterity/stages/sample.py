"""Draws the samples of one (dataset, task, prior, sampler), item by item, and resumes where it was stopped."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.jobs.interruption import between_items
from posterity.jobs.resume import Parts
from posterity.jobs.workers import crew
from posterity.recipes import Recipe
from posterity.stages._origins import agree
from posterity.stages._settings import Sample, built

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.samplers.base import Sampler
    from posterity.stages._problem import Measured

__all__ = ["built_sampler", "run"]

_log = logging.getLogger(__name__)
_PAUSE = 0.2
"""Seconds between checks for items that other processes are making."""


def run(
    settings: dict[str, Any], *, items: Path, regions: Path, measurements: Path, output: Path,
    weights: Path | None = None, severity: Path | None = None, autoencoder: Path | None = None,
    batch: int = 128, gpus: int = 1,
) -> None:  # fmt: skip
    """Write the artifact "samples"; for a restorer whose weights are absent, no rows and the reason.

    Finished items are kept in a hidden folder beside ``output`` until all are done. ``batch`` is the
    number of rows per batch; the samples do not depend on it (with a network, up to rounding). All samples
    of an item share a batch, because guidance couples them. If ``severity`` gives each item its own start, a batch
    holds items with the same start, so that the recorded cost is that of the sample. A batch that does not fit into
    GPU memory is halved until it does. If ``gpus`` is more than one, one process per GPU takes the next unclaimed
    items.
    """
    how = Sample.of(settings)
    if how.prior.kind == "restorer" and weights is None:
        why = f"N/A: the weights of {how.prior.name} are missing; `posterity doctor` says where to get them"
        store.write(output, "samples", [], {"settings": settings, "reason": why})
        return
    built_sampler(how.sampler.given)
    agree(settings, items, regions, measurements, severity)
    files = _Files(items, regions, measurements, weights, severity, autoencoder)
    measured = _load(how, files)
    with Parts(output, "samples", settings, files.all) as parts, between_items() as pause:
        if parts.restored():
            return
        with crew(gpus, _help, settings, files, output, batch) as together:
            rows = _draw(how, measured, parts, pause, batch, together)
        parts.publish(rows)


@dataclass(frozen=True)
class _Files:
    """Input files of a job."""

    items: Path
    regions: Path
    measurements: Path
    weights: Path | None
    severity: Path | None
    autoencoder: Path | None

    @property
    def all(self) -> list[Path]:
        """Return the files that exist."""
        return [path for path in astuple(self) if path is not None]


def _load(how: Sample, files: _Files) -> Measured:
    from posterity.stages._begun import read
    from posterity.stages._problem import load

    measured = load(how.prior.given, files.items, files.regions, files.measurements, files.weights, files.autoencoder)
    named = [one["flash"]["severity"] for one in how.sampler.wrap if "flash" in one]
    if named and files.severity is None:
        raise PosterityError(f"sampler {how.sampler.name}: flash needs --severity, where items begin")
    known = {name: read(files.severity, name, measured.items, measured.y) for name in named if files.severity}
    return replace(measured, severities=known)


def _help(settings: dict[str, Any], files: _Files, output: Path, batch: int) -> None:
    """Sample items as a helper process; the first process assembles them."""
    how = Sample.of(settings)
    measured = _load(how, files)  # may wait for a GPU, and can be ended there
    with between_items() as pause:
        _draw(how, measured, Parts(output, "samples", settings, files.all), pause, batch, together=True)


def _draw(
    how: Sample, measured: Measured, parts: Parts, pause: Callable[[str], None], batch: int, together: bool
) -> list[dict[str, Any]]:
    """Return the rows of all items: those sampled here, and those finished earlier or by other processes meanwhile."""
    sampler = built_sampler(how.sampler.given)
    size = max(1, batch // how.samples)
    rows: dict[str, list[dict[str, Any]]] = {}
    starts = _starts(measured, sampler)
    while True:
        rows |= {item: found for item in measured.items if item not in rows and (found := parts.read(item)) is not None}
        todo = [i for i, item in enumerate(measured.items) if item not in rows]
        if not todo:
            return [row for item in measured.items for row in rows[item]]
        pause(f"{len(rows)} of {len(measured.items)} items")
        chosen = _chosen(todo, starts, size, lambda i: not together or parts.claim(measured.items[i]))
        if not chosen:  # other processes have claimed the rest
            time.sleep(_PAUSE)
            continue
        _log.info("%s: items %d of %d", how.sampler.name, chosen[-1] + 1, len(measured.items))
        made = _fitting(how, measured, chosen, sampler)
        if made is None:
            size = _smaller(how, chosen)
            continue
        for item, found in made.items():
            parts.write(item, found)
        rows |= made


def _starts(measured: Measured, sampler: Sampler) -> list[int | None]:
    """Return the start index of each item; None for items that start at the first step."""
    import torch

    from posterity.samplers.base import Problem

    index = torch.arange(len(measured.items))
    parts = measured.prior, measured.operator, measured.y, measured.sigma_y, index
    found = sampler.starts(Problem(*parts, severities=measured.severities).of_states())
    return [None] * len(index) if found is None else [*found]


def _chosen(todo: list[int], starts: list[int | None], size: int, claim: Callable[[int], bool]) -> list[int]:
    """Claim up to ``size`` items with the same start index, so that the recorded cost is that of each item."""
    chosen: list[int] = []
    for i in todo:
        if len(chosen) < size and (not chosen or starts[i] == starts[chosen[0]]) and claim(i):
            chosen.append(i)
    return chosen


def built_sampler(settings: Mapping[str, Any]) -> Sampler:
    """Return the sampler of resolved settings {name, method, settings, wrap}, with its wrappers around it."""
    from posterity import samplers, wrappers

    sampler = built(samplers.find(settings["method"]), settings["settings"], f"sampler {settings['name']}")
    around = [
        built(wrappers.find(name), given, f"sampler {settings['name']}, {name}")
        for wrapper in settings.get("wrap", ())
        for name, given in wrapper.items()
    ]
    return wrappers.Wrapped(sampler, tuple(around)) if around else sampler


def _fitting(
    how: Sample, measured: Measured, chosen: list[int], sampler: Sampler
) -> dict[str, list[dict[str, Any]]] | None:
    """Return {item: its rows}; None if they do not fit into memory together."""
    import torch

    try:
        return _restore(how, measured, chosen, sampler)
    except torch.OutOfMemoryError:
        return None


def _smaller(how: Sample, chosen: list[int]) -> int:
    """Return the next, smaller number of items to try."""
    import torch

    if len(chosen) == 1:
        raise PosterityError(
            f"sampler {how.sampler.name}: the {how.samples} samples of one item do not fit into "
            "the memory of the GPU; ask for fewer samples"
        )
    torch.cuda.empty_cache()
    _log.info("%d items at once do not fit into memory; trying %d", len(chosen), len(chosen) // 2)
    return len(chosen) // 2


def _restore(
    how: Sample,
    measured: Measured,
    chosen: list[int],
    sampler: Sampler,
) -> dict[str, list[dict[str, Any]]]:
    """Sample the items ``chosen`` in one batch: {item: its rows}."""
    from posterity import pool
    from posterity.jobs.progress import steps
    from posterity.priors.base import NoClosedForm

    name, prior, sigma_y = how.sampler.name, measured.prior, measured.sigma_y
    with steps(name) as watch:
        done = pool.draw(
            sampler, prior, measured.operator, measured.y, sigma_y, measured.items, count=how.samples, seed=how.seed,
            called=name, chosen=chosen, watch=watch, severities=measured.severities,
        )  # fmt: skip
    operator, y, names, numbers = done.operator, done.y, done.items, done.numbers
    lr_psnr, rms = (_finite(v) for v in _agreement(operator, y, done.x))
    if measured.kind.bounds is None:  # PSNR needs bounds, which give the peak
        lr_psnr = [None] * len(names)
    try:
        modes: list[int | None] = prior.posterior(operator, y, sigma_y).mode_of(done.x).tolist()
    except NoClosedForm:
        modes = [None] * len(names)
    key = {"dataset": how.dataset, "task": how.task, "prior": how.prior.name}
    recipe = Recipe.of(how.sampler.given)
    key |= {"sampler": how.sampler.name, "method": recipe.method, "wrappers": recipe.column}
    cost = {k: getattr(done.cost, k) for k in ("forwards", "backwards", "decodes", "encodes", "peak_bytes")}
    rows = [
        key | cost
        | {"item": names[b], "sample": numbers[b], "signal": signals.encode(done.x[b], measured.kind),
           "lr_psnr": lr_psnr[b], "residual_rms": rms[b], "mode": modes[b],
           "start": done.starts[b], "seconds": done.cost.seconds / len(names)}
        for b in range(len(names))
    ]  # fmt: skip
    return {measured.items[i]: [r for r in rows if r["item"] == measured.items[i]] for i in chosen}


def _finite(values: Tensor) -> list[float | None]:
    """Return floats, with None for non-finite ones: of a measurement without entries, or out of the range of floats."""
    return [v if math.isfinite(v) else None for v in values.tolist()]


def _agreement(operator: Any, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return LR-PSNR in dB and RMS residual in the units of x over the measured entries, (B,), before quantisation."""
    from posterity.metrics.lr_psnr import lr_psnr

    seen, ax = operator.where_measured(y), operator(x)
    mean_square = (seen * (y - ax)).square().flatten(1).sum(1) / seen.flatten(1).sum(1)
    return lr_psnr(y, ax, seen), mean_square.sqrt()
