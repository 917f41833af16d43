"""Plausible restorations of images and signals, and how far to trust them."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Measurement", "Restorations", "degrade", "prior", "restore", "verify"]

_ROOMS = {
    "Measurement": "measuring",
    "Restorations": "restorations",
    "degrade": "measuring",
    "prior": "priors",
    "restore": "restoring",
    "verify": "verifying",
}
"""Module of each name; none is imported before it is used, since torch takes seconds."""


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.front.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
