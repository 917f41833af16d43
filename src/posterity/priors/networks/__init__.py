"""Network families, one file each.

A family's module has ``CALLED``, the name of the network's class, and ``build(**arguments)``, which returns the network
from the arguments that a card stores. It is called as ``network(x, label, return_dict=False)[0]``, with classes also
``class_labels=``. Where it can be trained, ``architecture(how, channels, size)`` returns these arguments. ``PRECISE``,
which may be absent, has the last part of the names of weights that half precision would spoil.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from posterity.registry import Registry

__all__ = ["DEFAULT", "REGISTRY", "build", "halved"]

REGISTRY: Registry[ModuleType] = Registry(__name__, "network family")
DEFAULT = "unet2d"
"""The family of cards that name none."""


def build(family: str, architecture: Mapping[str, Any]) -> nn.Module:
    """Return a network of the family with fresh weights.

    Raises:
        PosterityError: if the family is unknown. Invalid arguments raise the constructor's own exception.
    """
    made: nn.Module = REGISTRY.module(family).build(**architecture)
    return made


def halved(family: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as a file has them: on the CPU, in half precision except the family's ``PRECISE``."""
    precise = getattr(REGISTRY.module(family), "PRECISE", ())
    kept = {name: p if name.rpartition(".")[2] in precise else p.half() for name, p in weights.items()}
    return {name: p.cpu().contiguous() for name, p in kept.items()}
