"""Features in which samples are compared: deep, perceptual or pixels; one file each, found by file name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.features.base import Features

__all__ = ["REGISTRY", "find", "names"]

REGISTRY: Registry[Features] = Registry(
    __name__, "kind of features", "base.Features", beside=("base", "inception", "kurtosis", "pca")
)
find, names = REGISTRY.find, REGISTRY.names
