"""Network families, one file each.

A family's module has ``CALLED``, the name of the network's class, and ``build(**arguments)``, which returns the network
from the arguments that a card stores. It is called as ``network(x, label, return_dict=False)[0]``, with classes also
``class_labels=``. Where it can be trained, ``architecture(how, channels, size)`` returns these arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from posterity.registry import Registry

__all__ = ["DEFAULT", "REGISTRY", "build"]

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
