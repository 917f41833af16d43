"""Restores one measurement from Python, with the same draws as the sampling stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from posterity import pool
from posterity.certificates.foreign import Foreign
from posterity.errors import PosterityError
from posterity.front import checked, priors
from posterity.front.inputs import Given
from posterity.front.measuring import NOISE, Measurement, measured
from posterity.front.restorations import Restorations
from posterity.front.samplers import Guidance, chosen, lacking
from posterity.jobs.progress import steps
from posterity.operators.base import Operator
from posterity.priors.base import NoClosedForm, Prior
from posterity.priors.kernel import Kernel
from posterity.samplers.base import Sampler

__all__ = ["restore"]

_PLAUSIBLE = 1e-3
"""Probability from which a picture that the prior knows counts as one that fits."""
_MOST = 10_000
"""Maximum number of samples of one measurement."""


def restore(
    given: Given | Measurement,
    mask: Given | None = None,
    operator: Operator | str | Mapping[str, Any] | None = None,
    *,
    prior: Prior | str | Path,
    sampler: str | Path | Sampler | type[Sampler] | Callable[..., Any] = "ddnm",
    samples: int = 8,
    guidance: Guidance | None = None,
    coupled: bool | int = False,
    seed: int = 0,
    sigma_y: float = 0.0,
    item: str = "",
) -> Restorations:
    """Draw plausible restorations of a picture with a hole, or of a measurement.

    A picture is a path, a PIL image, eight bits (an array (H, W) or (H, W, 3), or a tensor (C, H, W)), or floating
    point (C, H, W) in [-1, 1]. All but the last are converted to upright RGB, and the central square is resized to the
    prior's size.

    Arguments:
        given: with ``mask``, the picture; with ``operator``, its measurement y; or a measurement of
            :func:`posterity.degrade`, which needs neither.
        mask: of the picture's size; white (in a picture) or true (in an array) is hidden and restored.
        operator: an operator, a task of the configuration ("sr4"), or a task's settings.
        prior: a prior, or a name that :func:`posterity.prior` accepts.
        sampler: a name in the configuration, a sampler, or a function or file of your own.
        samples: number of samples.
        guidance: strength of diversity guidance, which pushes samples apart; its reach is the configuration's.
        coupled: couples the noise negatively over all samples, or over sets of this many.
        seed: seed of all draws.
        sigma_y: noise level of the measurement in the units of x; a task may define its own.
        item: name of the picture, by default that of its file; it seeds the draws.

    Raises:
        PosterityError: with a one-line message, if the restoration is impossible.
    """
    checked.whole("samples", samples, 1, _MOST)
    checked.seed(seed)
    checked.number("sigma_y", sigma_y, 0, NOISE)
    if not isinstance(item, str):
        raise PosterityError(f"item is {item!r:.60}, expected the name of the picture")
    known = prior if isinstance(prior, Prior) else priors.prior(prior)
    one = measured(given, mask, operator, known.signal_shape, sigma_y, item)
    tool = chosen(sampler, prior=known.name, task=one.task, samples=samples, guidance=guidance, coupled=coupled)
    if lack := lacking(tool.sampler, tool.name, known, one):
        raise PosterityError(lack)
    known.bounds = known.bounds if known.latent else one.kind.bounds
    problem = (one.operator.to(known.dtype, known.device), one.y.to(known.device, known.dtype), one.sigma_y, [one.item])
    try:
        with steps(tool.name) as watch:
            drawn = pool.draw(tool.sampler, known, *problem, count=samples, seed=seed, called=tool.name, watch=watch)
    except (NoClosedForm, NotImplementedError) as error:
        raise PosterityError(f"sampler {tool.name}: {error}") from error
    except Exception as error:
        if isinstance(error, PosterityError) or not isinstance(tool.sampler, Foreign):
            raise
        said = " ".join(str(error).split())
        raise PosterityError(f"sampler {tool.name}: {type(error).__name__}: {said}") from error
    about = {"prior": known.name, "about": known.about, "sampler": tool.settings, "task": one.task, "seed": seed,
             "sigma_y": one.sigma_y, "samples": samples, "item": one.item}  # fmt: skip
    return Restorations(drawn.x.cpu(), drawn.cost, one, about | _fits(known, problem[0], problem[1], one.sigma_y))


def _fits(prior: Prior, operator: Operator, y: Tensor, sigma_y: float) -> dict[str, list[float]]:
    """Return the exact probabilities of a kernel prior's pictures as "fits", largest first, if they are known."""
    if not isinstance(prior, Kernel):
        return {}
    try:
        p = prior.posterior(operator, y, sigma_y).mode_probabilities[0]
    except (NoClosedForm, NotImplementedError):
        return {}
    return {"fits": p[p >= _PLAUSIBLE].sort(descending=True).values.tolist()}
