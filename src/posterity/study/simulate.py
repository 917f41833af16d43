"""A simulated respondent based on image distances, to exercise analysis and figures before people have answered.

Its answers are computed from the questions' pictures, and each is marked as simulated. It is no substitute for
people: it compares pixels (or LPIPS), not meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.study.design import Key, Pools, images

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Pairs", "pixels", "respond"]

Distances = NDArray[np.floating[Any]]
Pairs = Callable[["Tensor"], Distances]
"""Maps images (N, C, H, W) in [-1, 1] to pairwise distances (N, N)."""

_SIMILAR = 10
"""Percentile of the pool's pairwise distances below which two pictures count as very similar."""


def pixels(x: Tensor) -> Distances:
    """Return pairwise RMS differences of images x (N, C, H, W), (N, N), in the units of x."""
    flat = x.flatten(1).double().numpy()
    squares = (flat**2).sum(1)
    squared = squares[:, None] + squares[None] - 2 * flat @ flat.T
    return np.asarray(np.sqrt(np.clip(squared, 0, None) / flat.shape[1]))


def respond(
    questions: Sequence[Mapping[str, Any]], pools: Pools, participants: int, seed: int, noise: float = 0.1,
    pairs: Pairs = pixels,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return rows of the artifact "responses": every participant answers every question.

    Paired diversity: the larger mean pairwise distance. Coverage: the shown image nearest to the target lies within
    the 10th percentile of the pool's pairwise distances. Paired quality: the image nearer to the rest of its pool.
    Each compares logarithms, ``noise`` being the scale of the logistic error; equal sides are a toss.
    """
    out = []
    for question in questions:
        if question["practice"]:
            continue
        lean = _lean(question, pools, pairs)
        digest = hashlib.sha256(question["question"].encode()).digest()
        rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
        first, second = ("yes", "no") if question["study"] == "coverage" else ("left", "right")
        for number, error in enumerate(rng.logistic(scale=noise, size=participants), 1):
            out.append(
                {
                    "experiment": question["experiment"],
                    "study": question["study"],
                    "participant": f"simulated-{number:02d}",
                    "question": question["question"],
                    "answer": first if lean + error > 0 else second,
                    "milliseconds": None,
                    "simulated": True,
                }
            )
    return out


def _lean(question: Mapping[str, Any], pools: Pools, pairs: Pairs) -> float:
    """Return the tendency of the answer: above 0 towards "left" or "yes"."""
    left, right, target = images(question, pools)
    if question["study"] == "paired_diversity":
        return _ratio(_spread(pairs(_tensor(left))), _spread(pairs(_tensor(right))))
    pool = _pool(question, pools)
    if question["study"] == "coverage":
        assert target is not None
        every = pairs(_tensor(pool))
        similar = float(np.percentile(every[np.triu_indices(len(pool), 1)], _SIMILAR))
        return _ratio(similar, float(pairs(_tensor([target, *left]))[0, 1:].min()))
    others = [p for p in pool if p not in (left[0], right[0])]
    if not others:
        return 0.0
    near = pairs(_tensor([left[0], right[0], *others]))[:2, 2:].min(1)
    return _ratio(float(near[1]), float(near[0]))


def _pool(question: Mapping[str, Any], pools: Pools) -> list[bytes]:
    key = Key(question["dataset"], question["task"], question["prior"], question["sampler"])
    pool = pools[key][question["item"]]
    return [pool[s] for s in sorted(pool)]


def _spread(distances: Distances) -> float:
    n = len(distances)
    return float(distances[np.triu_indices(n, 1)].mean()) if n > 1 else 0.0


def _ratio(a: float, b: float) -> float:
    """Return log(a / b), kept finite."""
    floor = 1e-6
    return float(np.log((a + floor) / (b + floor)))


def _tensor(pngs: Sequence[bytes]) -> Tensor:
    import torch

    return torch.stack([_decoded(png) for png in pngs])


@lru_cache(256)
def _decoded(png: bytes) -> Tensor:
    """Decode a PNG once, since questions of a pool repeat pictures; at 256×256 the cache takes at most 200 MB."""
    from posterity.artifacts.images import decode

    return decode({"bytes": png})
