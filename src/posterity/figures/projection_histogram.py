"""Heavy-tailed pools along their first principal component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.figures import choose, style
from posterity.tables.frames import Frames
from posterity.tables.pools import FEATURES, LEAST, attributes, large, pools

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool",)
SECTION = "analysis"
TITLE = "Posterior samples along their first principal component"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw for each kind of features the item with the largest kurtosis."""
    from posterity.features.kurtosis import kurtosis

    run = choose.first(frames, f"with pools of at least {LEAST}", large)
    every = list(pools(frames, run.key, attributes(frames, run.key["dataset"])))
    kinds = [k for k in FEATURES if k in every[0].features]
    figure, axes = style.canvas(3.4 * len(kinds), 2.1, 1, len(kinds))
    told = []
    for ax, kind in zip(axes, kinds, strict=True):
        pool = max(every, key=lambda p: np.nan_to_num(kurtosis(p.features[kind]), nan=0.0))
        value = kurtosis(pool.features[kind])
        x = _projected(pool.features[kind])
        ax.hist(x, bins=30, density=True, color=style.COLOURS["sky"], edgecolor="white", linewidth=0.3)
        line = np.linspace(x.min() - 0.5, x.max() + 0.5, 300)
        ax.plot(line, _dominant(x, line), color=style.COLOURS["red"], label="dominant Gaussian of two")
        ax.set(title=f"{kind}, kurtosis {value:.1f}", xlabel="projection / standard deviation", ylabel="density")
        ax.legend(loc="upper right")
        told.append(f"{kind}: item {pool.item}")
    caption = (
        f"Histograms of {len(every[0].samples)} samples of one item each, the item with the largest kurtosis "
        f"({'; '.join(told)}); {choose.words(run.key)}."
    )
    return style.Drawn(figure, caption)


def _projected(features: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    from posterity.features.pca import pca

    x = pca(features, 1)[:, 0]
    x = x * np.sign(x[np.abs(x).argmax()])  # flip so that the long tail is on the right
    return x / max(x.std(), 1e-12)


def _dominant(x: NDArray[np.floating[Any]], line: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the density on ``line`` of the heavier of two fitted Gaussians, times its weight."""
    from scipy.stats import norm
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(2, random_state=0, n_init=5).fit(x[:, None])
    k = int(model.weights_.argmax())
    scale = float(np.sqrt(model.covariances_[k, 0, 0]))
    return np.asarray(model.weights_[k] * norm.pdf(line, model.means_[k, 0], scale))
