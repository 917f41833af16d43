"""The restored pixels themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["patch"]


def patch(images: Tensor, keep: Tensor | None) -> NDArray[np.floating[Any]]:
    """(N, C, H, W) and ``keep`` (1, H, W), 1 = measured → (N, C·hidden); all pixels without a mask."""
    flat = images.flatten(2)
    if keep is not None and bool((keep < 0.5).any()):
        flat = flat[:, :, (keep.reshape(-1) < 0.5)]
    return flat.flatten(1).double().numpy()
