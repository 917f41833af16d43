"""Priors: a denoiser E[x0 | x_t] with its noise schedule, closed-form where the truth must be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posterity.priors.base import Prior

__all__ = ["build"]

_KEYS = {
    "kernel": {"bandwidth", "split", "weights", "mirror", "autoencoder"},
    "blocks": {"bandwidth", "split", "weights", "regions", "groups"},
    "gaussian": {"split", "covariance", "autoencoder"},
    "network": {"label", "precision", "compile"},
    "restorer": {"family"},
}


def build(
    settings: Mapping[str, Any],
    images: Tensor,
    labels: Sequence[Mapping[str, Any]],
    regions: Mapping[str, Tensor],
    shape: Sequence[int],
    weights: Path | None = None,
    device: torch.device | str = "cpu",
) -> Prior:
    """The prior that ``settings`` describe: closed-form, made from a data set, or a network from a file.

    Settings (``kind`` decides which apply; ``name`` is ignored):
        kind: "kernel", "blocks", "gaussian", "network" or "restorer".
        covariance: of a gaussian, "stationary" (the same everywhere in the signal) or "dense".
        bandwidth: h in the units of x; 0.1 for kernel, 0.05 for blocks.
        split: "all" items or those of one split ("prior", "test").
        mirror: of a kernel prior of images, whether it knows the mirror image of each, too; its modes follow those
            of all images, in the same order.
        weights: "uniform", or {"attribute": NAME, "share": p}: the items with that attribute have
            probability p together, evenly spread, and the others the rest.
        regions: names of regions, an earlier one keeps the pixels that two share; the complement of
            all is one more block.
        groups: "colour" (base colour of the item, computed from its image) or "none".
        label: the class that a class-conditional network restores.
        precision: "float32" or "bfloat16", in which a network multiplies.
        compile: whether torch compiles a network.
        family: of a restorer, see :mod:`posterity.priors.restorer`.
        autoencoder: settings of one (:func:`posterity.priors.autoencoders.fit`), which is fitted to the images that
            have weight; the prior is then of their states, in whose units the bandwidth is.

    Arguments:
        settings: see above.
        images: signals (K, *signal); the modes of the prior are row numbers of it, for every split.
        labels: the rows of items.parquet, in the order of ``images``.
        regions: masks (H, W) by name.
        shape: (*signal) of the signals that the prior must speak of.
        weights: safetensors of a network, with its card beside it, or a restorer's published file.
        device: where a network computes; closed forms compute on the CPU.
    """
    kind = settings.get("kind")
    if kind not in _KEYS:
        raise PosterityError(f"prior kind {kind!r} is none of {_list(_KEYS)}")
    unknown = set(settings) - _KEYS[kind] - {"name", "kind"}
    if unknown:
        raise PosterityError(f"prior setting {_list(unknown)} is none of {_list(_KEYS[kind])} of a {kind} prior")
    if kind in ("network", "restorer"):
        return _network(settings, tuple(shape), weights, device)
    if tuple(images.shape[1:]) != tuple(shape):
        raise PosterityError(
            f"the prior's images have shape {tuple(images.shape[1:])}, the measurements need {tuple(shape)}"
        )
    from posterity.priors import _settings

    shares = _settings.weights(settings.get("weights", "uniform"), settings.get("split", "all"), labels)
    if kind == "kernel" and settings.get("mirror", False):
        images, shares = _settings.mirrored(images, shares)
    if "autoencoder" in settings:
        return _latent(settings, images, shares)
    return _closed(settings, images, shares, regions)


def _latent(settings: Mapping[str, Any], images: Tensor, shares: Tensor) -> Prior:
    """Return the prior of the states of an autoencoder that is fitted to the images with a share."""
    from posterity.priors import autoencoders
    from posterity.priors.latent import Latent

    autoencoder = autoencoders.fit(settings["autoencoder"], images[shares > 0])
    return Latent(_closed(settings, autoencoder.encode(images.double()), shares, {}), autoencoder)


def _closed(settings: Mapping[str, Any], images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:
    """Return the prior of signals or states (K, ...) with shares (K,)."""
    from posterity.priors import _settings

    kind = settings["kind"]
    if kind == "gaussian":
        return _gaussian(settings.get("covariance", "stationary"), images[shares > 0].double())
    bandwidth = settings.get("bandwidth", 0.1 if kind == "kernel" else 0.05)
    if isinstance(bandwidth, bool) or not isinstance(bandwidth, int | float) or bandwidth <= 0:
        raise PosterityError(f"prior bandwidth {bandwidth!r} is not a positive number in the units of x")
    if kind == "kernel":
        from posterity.priors.kernel import Kernel

        return Kernel(images, shares, bandwidth)
    from posterity.priors.blocks import Blocks

    partition = _settings.partition(settings.get("regions", ()), regions)
    return Blocks(images, shares, bandwidth, _settings.groups(settings.get("groups", "none"), images), partition)


def _gaussian(covariance: str, known: Tensor) -> Prior:
    """Return the Gaussian with the moments of signals (K, *signal)."""
    if covariance == "stationary":
        from posterity.priors.stationary import StationaryGaussian

        return StationaryGaussian.estimate(known)
    if covariance == "dense":
        from posterity.priors.gaussian import Gaussian

        return Gaussian.estimate(known)
    raise PosterityError(f"prior covariance {covariance!r} is none of stationary, dense")


def _network(
    settings: Mapping[str, Any], shape: tuple[int, ...], weights: Path | None, device: torch.device | str
) -> Prior:
    if weights is None:
        raise PosterityError(f"prior {settings.get('name')!r} is a network: name the file of its weights (--weights)")
    if settings["kind"] == "restorer":
        from posterity.priors import restorer

        return restorer.load(weights, str(settings.get("family")), shape, device)
    from posterity.priors.loading import load

    how = settings.get("precision", "float32"), settings.get("compile", False)
    prior = load(weights, settings.get("label"), device, *how)
    if prior.signal_shape != shape:
        raise PosterityError(f"{weights} is for images of shape {prior.signal_shape}, the measurements need {shape}")
    return prior


def _list(names: Any) -> str:
    return ", ".join(sorted(map(repr, names)))
