"""The restored entries themselves."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posterity.features.base import Extracted, Features

__all__ = ["Patch", "patch"]


class Patch(Features):
    """The unmeasured entries."""

    needs: ClassVar[frozenset[str]] = frozenset({"mask"})

    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:
        return Extracted.of(patch(x, keep))


def patch(x: Tensor, keep: Tensor | None) -> NDArray[np.floating[Any]]:
    """Return the hidden entries of signals, (N, *signal) → (N, hidden); all entries without a mask.

    Arguments:
        x: signals, (N, *signal).
        keep: the measurement's mask, (1, …) broadcastable to (1, *signal), 1 where measured.
    """
    if keep is not None and bool((keep < 0.5).any()):
        hidden: NDArray[np.floating[Any]] = x[:, keep[0].expand(x.shape[1:]) < 0.5].double().numpy()
        return hidden
    return x.flatten(1).double().numpy()
