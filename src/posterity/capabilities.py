"""Capabilities of a prior, an operator and a noise level together, and the sampler's needs that they lack.

Shared by the configuration, which knows the three only by their settings, and by stages, certificates and tables,
which have the objects.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["capabilities", "in_words", "missing"]

_WORDS = {
    "mask": "an inpainting task",
    "noise": "a noisy task (sigma_y > 0)",
    "noiseless": "a noiseless task (sigma_y = 0)",
    "posterior": "a prior whose posterior for this task is known in closed form",
    "svd": "a singular value decomposition",
    "pinv": "a pseudo-inverse",
    "adjoint": "an adjoint",
    "linear": "a linear operator",
    "restorer": "a prior that is a restorer",
    "conditional": "a prior that is a conditional network",
    "latent": "a latent prior",
    "denoiser": "a prior with a denoiser",
    "signals": "a prior of signals (after a decoder no operator has a mask, pseudo-inverse or SVD)",
}


def capabilities(prior: Collection[str], operator: Collection[str], sigma_y: float) -> frozenset[str]:
    """Return the capabilities that a sampler can rely on.

    Arguments:
        prior: a subset of "denoiser", "conditional", "restorer", "latent", and "posterior" if the posterior of this
            task is known.
        operator: ``Operator.has``.
        sigma_y: noise level in the units of x.
    """
    return frozenset({*prior, *operator, "noise" if sigma_y > 0 else "noiseless"})


def missing(needs: Collection[str], there: Collection[str]) -> list[str]:
    """Return the needs that ``there`` lacks, sorted by name."""
    return sorted({*needs} - {*there})


def in_words(needs: Collection[str]) -> str:
    """Return the needs in words, for messages."""
    return " and ".join(_WORDS.get(need, need) for need in needs)
