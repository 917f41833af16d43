"""Load networks from safetensors and the card.json in their folder, without guessing anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors import networks
from posterity.priors._parametrisation import PREDICTIONS, SIGMAS
from posterity.priors.card import beside, require_same
from posterity.priors.conditional import Conditional, unit
from posterity.priors.network import PRECISIONS, Network
from posterity.priors.residual import Base
from posterity.registry import Registry

__all__ = ["SCHEDULES", "build", "fill", "load", "load_conditional", "prior", "read"]

SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "linear": Schedule.linear,
    "cosine": Schedule.cosine,
    "scaled_linear": Schedule.scaled_linear,
    "edm": lambda: Schedule.of_sigmas(np.geomspace(*SIGMAS, 1000).tolist()),
}
_NEEDED = ("architecture", "signal_shape", "prediction", "schedule", "weights")


def load(
    weights: Path,
    label: int | None = None,
    device: torch.device | str = "cpu",
    precision: str = "float32",
    compiled: bool = False,
) -> Network:
    """Load the network in ``weights`` (safetensors), described by card.json in the same folder, in float32.

    Arguments:
        weights: the file.
        label: the class, for a class-conditional network.
        device: where it computes.
        precision: precision of its products, a key of :data:`posterity.priors.network.PRECISIONS`.
        compiled: whether torch compiles it.
    """
    card = _card(weights, precision)
    if "condition" in card:
        told = (
            "a conditional network and no denoiser; its prior is of kind conditional, for the sampler traineddiff alone"
        )
        raise PosterityError(f"{weights} is {told}")
    return _load(weights, card, label, device, precision, compiled)


def load_conditional(weights: Path, device: torch.device | str = "cpu", precision: str = "float32") -> Conditional:
    """Load a network that was trained with a condition; arguments are as in :func:`load`."""
    card = _card(weights, precision)
    if "condition" not in card:
        raise PosterityError(f"{weights} is no conditional network but a denoiser; its prior is of kind network")
    alone = _load(weights, card, None, device, precision, compiled=False)
    return Conditional(alone, unit(card["prediction"], card.get("sigma_data", 0.5)))


def _load(
    weights: Path,
    card: Mapping[str, Any],
    label: int | None,
    device: torch.device | str,
    precision: str,
    compiled: bool,
) -> Network:
    """Load the network in ``weights`` with its ``card``; the other arguments are as in :func:`load`."""
    state = read(weights)
    require_same(weights, card)
    base = _base(state, card, weights)
    network = build(card["architecture"], str(weights), card.get("family", networks.DEFAULT))
    fill(network, state, str(weights))
    classes = card["architecture"].get("num_class_embeds")
    if (label is None) != (classes is None) or (classes is not None and not 0 <= int(label or 0) < classes):
        wanted = "takes no label" if classes is None else f"needs a label from 0 to {classes - 1}"
        raise PosterityError(f"{weights} {wanted}, label is {label!r}")
    null_class = card.get("null_class")
    if null_class is not None and (type(null_class) is not int or not 0 <= null_class < (classes or 0)):
        valid = f"a class from 0 to {classes - 1}" if classes else "none, as the network has no classes"
        raise PosterityError(f"{weights.with_name('card.json')}: null_class is {null_class!r}, expected {valid}")
    return prior(network.to(device), card, label, precision, compiled, base and base.to(device))


def prior(
    network: nn.Module,
    card: Mapping[str, Any],
    label: int | None = None,
    precision: str = "float32",
    compiled: bool = False,
    base: Base | None = None,
) -> Network:
    """Return a network with its weights as the prior described by its card.

    Arguments are as in :func:`load`; ``base`` is the Gaussian whose residual the network predicts.
    """
    made = Network(
        # the fastest layout for convolutions, also on a CPU
        network.to(memory_format=torch.channels_last),
        SCHEDULES[card["schedule"]](*card.get("betas", ())),
        tuple(card["signal_shape"]),
        card["prediction"],
        card.get("sigma_data", 0.5),
        card.get("learned_variance", False),
        label,
        card.get("label_factor", 250.0),
        precision,
        compiled,
        card.get("null_class"),
        base,
    )
    made.name, made.about = str(card.get("prior", "")), str(card.get("about", ""))
    return made


def _base(state: dict[str, Tensor], card: Mapping[str, Any], weights: Path) -> Base | None:
    """Remove the Gaussian's tensors from ``state`` and return it; None if the card has none."""
    if not card.get("residual", False):
        return None
    if missing := [key for key in Base.KEYS if key not in state]:
        raise PosterityError(f"{weights} lacks {', '.join(missing)} of the Gaussian in its card.json")
    found = {key: state.pop(key) for key in Base.KEYS}
    shape = card["signal_shape"]
    try:
        return Base.of(found, shape[-1], card.get("sigma_data", 0.5))
    except (RuntimeError, ValueError) as error:
        raise PosterityError(f"{weights}: its Gaussian is none of signals {tuple(shape)} ({error})") from error


def _card(weights: Path, precision: str) -> dict[str, Any]:
    """Read card.json, which must have everything that a network needs; ``precision`` must exist."""
    if precision not in PRECISIONS:
        raise PosterityError(f"{weights}: precision {precision!r} is none of {', '.join(PRECISIONS)}")
    card, path = beside(weights, "`posterity train --help` tells how it is made"), weights.with_name("card.json")
    missing = [key for key in _NEEDED if not isinstance(card, dict) or key not in card]
    if missing:
        raise PosterityError(f"{path} lacks {', '.join(missing)}")
    for key, valid in (("prediction", PREDICTIONS), ("schedule", tuple(SCHEDULES))):
        if card[key] not in valid:
            raise PosterityError(f"{path}: {key} {card[key]!r} is none of {', '.join(valid)}")
    shape, betas = card["signal_shape"], card.get("betas")
    if betas is not None and (card["schedule"] != "scaled_linear" or not _increments(betas)):
        raise PosterityError(f"{path}: betas is {betas!r:.60}, expected two from 0 to 1, of a scaled_linear schedule")
    for key, fits, expected in (
        ("architecture", isinstance(card["architecture"], dict), "settings"),
        ("weights", isinstance(card["weights"], dict), "their SHA-256"),
        ("signal_shape", isinstance(shape, list) and {type(n) for n in shape} == {int}, "whole numbers"),
    ):
        if not fits:
            raise PosterityError(f"{path}: {key} is {card[key]!r:.60}, expected {expected}")
    return card


def _increments(betas: Any) -> bool:
    """Return whether these are the first and the last β of a schedule."""
    return isinstance(betas, list) and len(betas) == 2 and all(type(b) is float and 0 < b < 1 for b in betas)


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, {name: tensor}."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise PosterityError(f"{path} is not a whole safetensors file ({reason}); get it again") from error


def build(
    architecture: Mapping[str, Any],
    name: str,
    family: str = networks.DEFAULT,
    registry: Registry[ModuleType] = networks.REGISTRY,
) -> nn.Module:
    """Return a network without weights: on the meta device, so that what is not filled in cannot be used.

    Arguments:
        architecture: arguments of the family's ``build``; those that begin with "_" are left out.
        name: of the file, for errors.
        family: a name of the registry.
        registry: of priors' networks, or of autoencoders'.

    Raises:
        PosterityError: for an unknown family, and where it has no such architecture.
    """
    if family not in registry.names():
        raise PosterityError(f"{name}: family {family!r} is none of {', '.join(registry.names())}")
    settings, module = {k: v for k, v in architecture.items() if not k.startswith("_")}, registry.module(family)
    try:
        with torch.device("meta"):
            made: nn.Module = module.build(**settings)
            return made
    except Exception as error:  # its constructor checks little
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PosterityError(f"{name}: no {module.CALLED} has this architecture ({reason})") from error


def fill(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Set the network's weights in float32; all must be present, expected, of the right shape and finite."""
    wanted = network.state_dict()
    missing, surplus = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or surplus:
        found = {"missing": missing, "unexpected": surplus}
        listed = "; ".join(f"{which} {_some(keys)}" for which, keys in found.items() if keys)
        raise PosterityError(f"{name} is of another architecture: {listed}")
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            shapes = f"{tuple(value.shape)}, expected {tuple(wanted[key].shape)}"
            raise PosterityError(f"{name} is of another architecture: {key} has shape {shapes}")
        if not value.isfinite().all():
            raise PosterityError(f"{name} is damaged: {key} holds values that are not finite")
    single = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    network.load_state_dict(single, assign=True)


def _some(keys: list[str]) -> str:
    return f"key {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
