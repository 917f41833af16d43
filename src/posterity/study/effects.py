"""The share of answers for an approach by a logistic mixed-effects model: participants and images differ.

An answer of participant j to a question about image i counts for the approach with probability
logit⁻¹(β + u_j + v_i), u_j ~ N(0, σ_u²), v_i ~ N(0, σ_v²). What is told is the share that a new participant would
have on a new image, the mean of logit⁻¹(β + u + v) over both. The model is fitted by statsmodels (Laplace approximation
around the most probable values, with a weak prior on β and on the logarithms of σ_u and σ_v).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Effects", "fit"]

_DRAWS = 4000
"""Of the parameters, for the interval."""
_NODES = 40
"""Of Gauss-Hermite quadrature."""
_PRIOR_SD = (3.0, 1.0)
"""Standard deviations of the priors: of β, and of the logarithms of σ_u and σ_v."""


class Effects(NamedTuple):
    """The share of answers in percent with its 95 % interval, and how far people and images differ.

    ``people`` and ``images`` are σ_u and σ_v in logits.
    """

    value: float
    low: float
    high: float
    people: float
    images: float


def fit(successes: Sequence[bool], people: Sequence[str], images: Sequence[str], seed: int = 0) -> Effects | None:
    """Fit the model to answers, one entry each.

    Arguments:
        successes: whether an answer counts for the approach.
        people: who gave it.
        images: which image the question is about.
        seed: of the draws for the interval.

    Returns:
        None where there are fewer than two participants or two images.
    """
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    person, image = _codes(people), _codes(images)
    if min(person.max(), image.max()) < 1:
        return None
    rows, columns = np.arange(len(person)), np.concatenate([person, person.max() + 1 + image])
    groups = np.repeat([0, 1], [person.max() + 1, image.max() + 1])
    design = sparse.csr_matrix((np.ones(2 * len(rows)), (np.tile(rows, 2), columns)))
    model = BinomialBayesMixedGLM(
        np.asarray(successes, dtype=float),
        np.ones((len(rows), 1)),
        design,
        groups,
        vcp_p=_PRIOR_SD[1],
        fe_p=_PRIOR_SD[0],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a search that ends at the precision of the machine
        found = model.fit_map(rng=np.random.default_rng(seed))
    mean = np.array([*found.fe_mean, *found.vcp_mean])
    covariance = np.asarray(found.cov_params())[:3, :3]
    draws = np.random.default_rng([seed, 1]).multivariate_normal(mean, covariance, _DRAWS, check_valid="ignore")
    low, high = np.percentile(_shares(draws), (2.5, 97.5))
    u, v = np.exp(mean[1:])
    return Effects(100 * float(_shares(mean[None])[0]), 100 * float(low), 100 * float(high), float(u), float(v))


def _shares(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of logit⁻¹ over people and images, for rows (β, log σ_u, log σ_v)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    spread = np.sqrt(np.exp(2 * np.clip(parameters[:, 1:], -20, 4)).sum(1))
    logits = parameters[:, :1] + spread[:, None] * nodes
    return np.asarray((1 / (1 + np.exp(-logits))) @ weights / weights.sum())


def _codes(names: Sequence[Any]) -> NDArray[np.int64]:
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int64)
