"""Convert published checkpoints to the layout of `diffusers`: one file per family, with settings the files lack.

A test checks every conversion: the original forward pass against ours on the same random weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.checkpoints import ldm
from posterity.priors.checkpoints.adm import Adm
from posterity.priors.checkpoints.ddpm import Ddpm
from posterity.priors.checkpoints.edm import Edm
from posterity.priors.checkpoints.first_stage import PRESETS, FirstStage
from posterity.priors.checkpoints.hub import Hub, HubAutoencoder
from posterity.priors.checkpoints.ldm import Ldm

__all__ = ["AUTOENCODERS", "FAMILIES", "convert", "convert_autoencoder", "read"]

FAMILIES: dict[str, Callable[..., Adm | Ddpm | Edm | Hub | Ldm]] = {
    "adm": Adm, "ddpm": Ddpm, "edm": Edm, **{name: partial(Ldm, **preset) for name, preset in ldm.PRESETS.items()},
    "hub": Hub,
}  # fmt: skip
"""Families of networks: the class that describes each, with the settings implied by its name."""
AUTOENCODERS = (*PRESETS, "hub")
"""Families of autoencoders: first stages of latent diffusion by name, and files saved by `diffusers`."""


def convert(family: str, settings: Mapping[str, Any], source: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return ({name: tensor} under the names of our network, float32; their description for a card).

    Arguments:
        family: a key of ``FAMILIES``.
        settings: arguments of the family's class.
        source: the published file, a state dict.
    """
    from posterity.priors import networks
    from posterity.priors.loading import build, fill

    if family not in FAMILIES:
        raise PosterityError(f"checkpoint family {family!r} is none of {', '.join(FAMILIES)}")
    try:
        layout = FAMILIES[family](**settings)
    except TypeError as error:
        raise PosterityError(f"checkpoint family {family}: {error}") from error
    card = layout.card()
    network = build(card["architecture"], str(source), card.get("family", networks.DEFAULT))
    state = layout.convert(read(source), str(source))
    fill(network, state, str(source))
    return {key: value.contiguous() for key, value in network.state_dict().items()}, card


def convert_autoencoder(
    family: str, settings: Mapping[str, Any], source: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return ({name: tensor} under the names of ``AutoencoderKL`` or ``VQModel``, float32; a card's entries).

    Arguments:
        family: one of ``AUTOENCODERS``.
        settings: arguments of the family's class, besides those implied by the name.
        source: the published file, a state dict.
    """
    from posterity.priors.autoencoders import networks
    from posterity.priors.loading import build, fill

    if family not in AUTOENCODERS:
        raise PosterityError(f"checkpoint family {family!r} is none of {', '.join(AUTOENCODERS)}")
    try:
        known = HubAutoencoder(**settings) if family == "hub" else FirstStage(**{**PRESETS[family], **settings})
    except TypeError as error:
        raise PosterityError(f"checkpoint family {family}: {error}") from error
    card = known.card()
    network = build(card["architecture"], str(source), card["family"], networks.REGISTRY)
    state, card["scale"] = known.convert(read(source), str(source))
    fill(network, state, str(source))
    return {key: value.contiguous() for key, value in network.state_dict().items()}, card


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, a ``torch.save`` file of tensors only, or EDM's and MAT's .pkl; {name: tensor}.

    The state dict may be under "params" or "params_ema", as BasicSR saves it, or under "state_dict", as Lightning does;
    Lightning also stores callback classes, of which only the names are accepted. A .zip holds one .ckpt, as latent
    diffusion's authors packed theirs.
    """
    import pickle
    import zipfile

    import torch

    from posterity.priors import loading
    from posterity.priors.checkpoints import _pickled

    if path.suffix == ".safetensors":
        return loading.read(path)
    if path.suffix == ".pkl":
        return _pickled.read(path)
    try:
        with torch.serialization.safe_globals(_pickled.CALLBACKS), _unpacked(path) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # only the first line: torch goes on to explain how to disable the protection
        first = str(error).strip().splitlines()[0]
        raise PosterityError(f"{path} is refused, it is not a plain file of tensors ({first})") from error
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise PosterityError(f"{path} is not a whole checkpoint ({' '.join(str(error).split())[:120]})") from error
    if isinstance(state, dict):
        state = next(
            (state[key] for key in ("params_ema", "params", "state_dict") if isinstance(state.get(key), dict)), state
        )
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise PosterityError(f"{path} does not hold a state dict, a mapping of names to tensors")
    return state


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Yield the checkpoint: the only .ckpt of a .zip, in a folder that is deleted afterwards, or ``path`` itself."""
    import tempfile
    import zipfile

    if path.suffix != ".zip":
        yield path
        return
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        inside = [name for name in archive.namelist() if name.endswith(".ckpt")]
        if len(inside) != 1:
            raise PosterityError(f"{path} holds {len(inside)} files .ckpt, expected one")
        yield Path(archive.extract(inside[0], folder))
