"""Families of networks, one file each: how one is built, and its arguments for a training's settings.

A family's module has ``CALLED``, the name of the network's class, ``architecture(how, channels, size)``, the arguments
that a card keeps, and ``build(**arguments)``, the network, which is called as
``network(x, label, return_dict=False)[0]``.
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
"""Of cards that name none."""


def build(family: str, architecture: Mapping[str, Any]) -> nn.Module:
    """Return a network of the family with fresh weights.

    Raises:
        PosterityError: for an unknown family; for arguments that are none of it, whatever its constructor raises.
    """
    made: nn.Module = REGISTRY.module(family).build(**architecture)
    return made
