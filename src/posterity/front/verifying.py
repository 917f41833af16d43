"""Verifies a sampler against exact posteriors from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.certificates import cases, panel, record
from posterity.certificates.foreign import Foreign
from posterity.errors import PosterityError
from posterity.front import checked, samplers
from posterity.front.home import home
from posterity.samplers.base import Sampler

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["verify"]


def verify(
    sampler: str | Path | Sampler | type[Sampler] | Callable[..., Any],
    prior: str = "mixture",
    task: str | Sequence[str] | None = None,
    *,
    tier: str = "quick",
    seed: int = 0,
) -> DataFrame:
    """Measure a sampler against the exact posterior, as ``posterity verify`` does.

    Arguments:
        sampler: a method's name, a sampler or its class, a function ``restore(denoise, A, y, sigma_y, noise)``, or a
            Python file with one of these.
        prior: "mixture", "gaussian" or "kernel".
        task: one or several of the prior's tasks; all of them by default.
        tier: "quick" (seconds), "standard" or "full".
        seed: seed of measurements and noise.

    Returns:
        One row per statistic, with its value, interval and verdict; ``attrs["verdicts"]`` holds the verdict of each
        task.

    Raises:
        PosterityError: for a sampler, prior, task or tier that does not exist.
    """
    import pandas as pd

    from posterity.stages import _expected, _survey

    checked.seed(seed)
    entry = _entry(sampler)
    valid = cases.tasks(prior)
    if task is not None and not isinstance(task, Sequence):
        raise PosterityError(f"task is {task!r:.60}, expected a name or several")
    asked = valid if task is None else (task,) if isinstance(task, str) else tuple(task)
    wrong = [("task", one, valid) for one in asked if one not in valid]
    wrong += [("tier", tier, tuple(panel.TIERS))] if tier not in panel.TIERS else []
    for noun, one, names in wrong:
        raise PosterityError(
            f"{noun} {one!r} is not one that verify knows with {prior}; choose one of {', '.join(names)}"
        )
    settings = {"samplers": [entry], "priors": [prior], "tasks": asked, "dim": None, "tier": tier, "seed": seed}
    known = _expected.load(home().folder / "resources" / "certificates", entry["method"]) if "method" in entry else {}
    try:
        found = [(key, runs[0]) for key, runs in _survey.survey(_survey.work(settings, [seed], known), jobs=1)]
    except Exception as error:
        if isinstance(error, PosterityError) or not isinstance(entry.get("sampler"), Foreign):
            raise
        said = " ".join(str(error).split())
        raise PosterityError(f"sampler {entry['name']}: {type(error).__name__}: {said}") from error
    frame = pd.DataFrame([row for key, one in found for row in record.rows(one, key.settings, key.dim)])
    frame.attrs["verdicts"] = {one.task: one.verdict for _, one in found}
    return frame


def _entry(sampler: Any) -> dict[str, Any]:
    """Return the stage's entry for a sampler."""
    if isinstance(sampler, str) and not sampler.endswith(".py"):
        return {"method": sampler}
    if isinstance(sampler, str | Path):
        return {"file": str(Path(sampler).expanduser())}
    tool, name = samplers.own(sampler)
    return {"sampler": tool, "name": name}
