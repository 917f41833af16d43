"""Estimates each measurement's state and the estimate's error, which say how late a sampler may start."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.stages._origins import agree
from posterity.stages._settings import Severity, built

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.stages._problem import Measured

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(
    settings: dict[str, Any], *, items: Path, regions: Path, measurements: Path, output: Path,
    weights: Path | None = None, encoder: Path | None = None, autoencoder: Path | None = None,
) -> None:  # fmt: skip
    """Write the artifact "severity", with the true error of each estimate where the truth is known.

    Arguments:
        settings: resolved settings.
        items, regions, measurements: input artifacts.
        output: the artifact to write.
        weights: weights file of a network prior.
        encoder: weights file of a severity encoder.
        autoencoder: weights file of the prior's autoencoder, if that is a network.
    """
    import torch

    from posterity import severities
    from posterity.samplers.problem import Problem
    from posterity.stages._problem import load

    how = Severity.of(settings)
    about, name, kind = how.severity.given, how.severity.name, how.severity.kind
    del about["name"], about["kind"]
    if kind == "encoder":
        if encoder is None:
            raise PosterityError(f"severity {name} is a trained encoder: give its weights file (--encoder)")
        about["weights"] = str(encoder)
    estimator = built(severities.find(kind), about, f"severity {name}")
    agree(settings, items, regions, measurements)
    measured = load(how.prior.given, items, regions, measurements, weights, autoencoder)
    index = torch.arange(len(measured.items), device=measured.prior.device)
    problem = Problem(measured.prior, measured.operator, measured.y, measured.sigma_y, index)
    began = time.perf_counter()
    with torch.no_grad():
        found = estimator.estimate(problem)
    seconds = (time.perf_counter() - began) / len(index)
    if not bool(found.estimate.isfinite().all()):
        raise PosterityError(f"severity {name}: an estimate is not finite")
    key: dict[str, Any] = {"dataset": how.dataset, "task": how.task, "prior": how.prior.name}
    key |= {"severity": name, "z_shape": list(measured.prior.state_shape), "seconds": seconds}
    rows = []
    for item, z, v, (v_bar, error) in zip(
        measured.items, found.estimate, found.variance, _errors(measured, measurements, found.estimate), strict=True
    ):
        values = z.flatten().float().cpu().numpy()
        rows.append(key | {"item": item, "v_hat": float(v), "z_hat": values, "v_bar": v_bar, "error": error})
    told: dict[str, Any] = {"settings": settings}
    if other := _other_task(estimator.trained_for(), measurements):
        _log.warning("severity %s: %s", name, other)
        told["other"] = other
    store.write(output, "severity", rows, told)


def _other_task(trained: Mapping[str, Any], measurements: Path) -> str | None:
    """Return a note if the encoder was trained for a task other than that of ``measurements`` (allowed); else None."""
    if not trained:
        return None
    task = {k: v for k, v in store.provenance(measurements)["origin"]["settings"]["task"].items() if k != "name"}
    differ = [k for k in {**trained, **task} if trained.get(k) != task.get(k)]
    said = ", ".join(f"{k} {trained.get(k)} in place of {task.get(k)}" for k in differ)
    return f"trained for {said}" if differ else None


def _errors(measured: Measured, measurements: Path, estimate: Tensor) -> list[tuple[float | None, float | None]]:
    """Return per item (variance, mean square) of the true error of ``estimate`` (B, *state), None without a truth."""
    out: list[tuple[float | None, float | None]] = []
    truths = store.read(measurements, "measurements", columns=["truth"])["truth"].to_pylist()
    for z, truth in zip(estimate, truths, strict=True):
        if truth is None:
            out.append((None, None))
            continue
        x = signals.decode(truth, f"a truth of {measurements}").to(z)
        error = z - measured.prior.encode(x[None])[0]
        out.append((float(error.var()), float(error.square().mean())))
    return out
