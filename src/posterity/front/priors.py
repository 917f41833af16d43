"""Loads priors by name: built from pictures, shipped, from a weights file with its card, or from the hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.front import checked, inputs
from posterity.front.home import Home, home
from posterity.front.inputs import ROUNDING, Given
from posterity.front.measuring import SIZES
from posterity.jobs import devices
from posterity.priors.base import Prior
from posterity.priors.card import beside

__all__ = ["CLOSED", "prior"]

CLOSED = ("kernel", "gaussian", "mixture")
"""Priors that are built from pictures and have a posterior in closed form."""
_WEIGHTS = "weights.safetensors"
_COMPONENTS = 8
"""Of a mixture, where it is not said."""
_HUB_PAGE = "https://huggingface.co/"
_LONGEST = 255
"""Maximum length of a file name."""
_HUB = re.compile(r"[\w.-]+/[\w.-]+")
Images = Given | Sequence[Given]


def prior(
    name: str | Path,
    images: Images | None = None,
    *,
    size: int = 64,
    bandwidth: float = 0.1,
    components: int | None = None,
    label: int | None = None,
) -> Prior:
    """Return a prior.

    Arguments:
        name: "kernel" (a narrow Gaussian around every image), "gaussian" (their mean and power spectrum) or "mixture"
            (Gaussians around the means of their clusters), each built from ``images``; or a network: a name in the
            configuration, such as "openmoji64"; a weights file beside its card.json; a folder saved by diffusers;
            or a name on the hub, such as "google/ddpm-celebahq-256". Local folders and the hub's cache are tried
            before the hub.
        images: a folder of pictures, a list of pictures, an items.parquet, or a tensor (K, C, H, W) in [-1, 1].
        size: pixels per side that pictures are cropped and resized to.
        bandwidth: standard deviation of a kernel prior's Gaussians, in the units of x.
        components: number of components of a mixture; by default eight, or half the number of images if less.
        label: the class that a class-conditional network restores.

    Raises:
        PosterityError: for an unknown name, images that are missing or too large, or an unavailable network.
    """
    text = str(name).removeprefix(_HUB_PAGE)
    checked.whole("size", size, *SIZES)
    if components is not None:
        checked.whole("components", components, 1, 10_000)
    checked.number("bandwidth", bandwidth, 0, 1e6)
    if text in CLOSED:
        if images is None:
            raise PosterityError(
                f"prior {text!r} is made of images; give images=, a folder or a list of pictures "
                "(on the command line --images FOLDER)"
            )
        found = _closed(text, _signals(images, size), bandwidth, components)
    elif images is not None:
        raise PosterityError(f"prior {text!r} is not made of images; only {', '.join(CLOSED)} are")
    else:
        found = _network(text, home(), label)
    found.name = found.name or text
    return found


def _closed(name: str, images: Tensor, bandwidth: float, components: int | None) -> Prior:
    from posterity import priors

    if name == "mixture":
        from posterity.priors.mixture import Mixture

        few = max(1, min(_COMPONENTS, len(images) // 2))  # clusters of one image have no covariance
        return Mixture.of_clusters(images, few if components is None else components)
    settings: dict[str, Any] = {"name": name, "kind": name}
    settings |= {"bandwidth": bandwidth} if name == "kernel" else {}
    labels = [{"split": "prior", "attributes": None}] * len(images)
    return priors.build(settings, images, labels, {}, images.shape[1:])


def _signals(images: Images, size: int) -> Tensor:
    """Return images as (K, C, H, W) in [-1, 1]."""
    if isinstance(images, Tensor) or hasattr(images, "dtype"):
        seen = checked.array(images, "images")
        if not len(seen.shape) or not len(seen):
            raise PosterityError("images is empty; give one picture at least")
        if not bool(seen.isfinite().all()):
            raise PosterityError("images holds a value that is not finite")
        if seen.dtype.is_floating_point and float(seen.abs().max()) > 1 + ROUNDING:
            low, high = float(seen.min()), float(seen.max())
            raise PosterityError(f"images goes from {low:g} to {high:g}; floating point goes from -1 (black) to 1")
        if seen.dtype.is_floating_point and seen.ndim in (3, 4):
            return seen.double() if seen.ndim == 4 else seen[:, None].double()
        raise PosterityError(f"images is a {seen.dtype} of shape {tuple(seen.shape)}, expected floats (K, C, H, W)")
    if isinstance(images, str | Path):
        return _stored(checked.path(images), size)
    many = images if isinstance(images, Sequence) else [images]
    if not many:
        raise PosterityError("images is empty; give one picture at least")
    called = [f"image {number}" if not isinstance(one, str | Path) else str(one) for number, one in enumerate(many)]
    return torch.stack(
        [inputs.signal(inputs.opened(one, name), (3, size, size), name) for one, name in zip(many, called, strict=True)]
    )


def _stored(path: Path, size: int) -> Tensor:
    """Return the pictures of a folder or archive, or the signals of an artifact, as (K, C, H, W)."""
    from posterity.artifacts import signals, store
    from posterity.datasets import folder

    if not path.exists():
        raise PosterityError(f"images: {path} does not exist")
    if path.suffix == ".parquet":
        return signals.stack(store.read(path, "items", columns=["signal"])["signal"].to_pylist()).double()
    pixels = [item.signal for item in folder.prepare(path, None, size).items]
    levels = torch.stack([torch.from_numpy(one) for one in pixels]).to(torch.float32)
    return (levels / 127.5 - 1).movedim(-1, 1).double()


def _network(name: str, here: Home, label: int | None) -> Prior:
    from posterity.priors import loading

    # a name too long for a file name is not a file
    path = checked.path(name) if 0 < len(name) < _LONGEST else Path("\0")
    if path.is_dir() and (path / _WEIGHTS).is_file():
        path /= _WEIGHTS
    if path.is_file():
        found = loading.load(path, label, devices.best())
        if states := beside(path, "").get("autoencoder"):
            told = "name a prior of the configuration that has both, such as 'openmoji64_latent'"
            raise PosterityError(f"{path} is of states of autoencoder {states.get('name')!r}; {told}")
        return found
    if path.is_dir():
        from posterity.front import hub

        return hub.saved(path, devices.best())
    if name in here.priors:
        weights = _weights(name, here)
        return _behind(name, here, weights, label) or loading.load(weights, label, devices.best())
    if _HUB.fullmatch(name):
        from posterity.front import hub

        return hub.fetched(name, devices.best())
    known = [one for one, settings in here.priors.items() if settings.get("kind") == "network"]
    raise PosterityError(
        f"prior {name!r} does not exist; name a file or folder, owner/name on the hub, or one of "
        f"{', '.join([*CLOSED, *sorted(known)])}"
    )


def _behind(name: str, here: Home, weights: Path, label: int | None) -> Prior | None:
    """Return a network of states as a prior of signals; None if it is one of signals itself."""
    from posterity import priors
    from posterity.priors.autoencoders.network import card_of

    coder = here.priors[name].get("autoencoder")
    if coder is None:
        return None
    about = here.autoencoders.get(coder, {})
    file = _found("autoencoder", coder, about, here)
    shape = tuple(card_of(file)["signal_shape"])
    kept = {"kind": about.get("kind"), "name": coder, "quantise_in_guidance": about.get("quantise_in_guidance", True)}
    settings = {"name": name, "kind": "network", "label": label, "autoencoder": kept}
    return priors.build(settings, torch.zeros(0, *shape), [], {}, shape, weights, devices.best(), file)


def _weights(name: str, here: Home) -> Path:
    """Return the path of the weights of a network in the configuration."""
    settings = here.priors[name]
    if settings.get("kind") != "network":
        closed = f"; make one of pictures: prior({settings.get('kind')!r}, images=…)"
        said = closed if settings.get("kind") in CLOSED else ""
        raise PosterityError(f"prior {name!r} is of kind {settings.get('kind')}, not a network{said}")
    return _found("prior", name, settings, here)


def _found(what: str, name: str, settings: Mapping[str, Any], here: Home) -> Path:
    """Return the path of the weights that a prior or an autoencoder of the configuration has."""
    places = [here.folder / "data" / f"{what}s" / name / _WEIGHTS]
    places += [here.folder / settings["weights"]] if "weights" in settings else []
    found = next((path for path in reversed(places) if path.is_file()), None)
    if found is None:
        raise PosterityError(f"{what} {name!r} has no weights yet: snakemake {places[0].relative_to(here.folder)}")
    return found
