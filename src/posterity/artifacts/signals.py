"""Converts between signals in artifacts and tensors: every signal goes to disk and back through this pair of functions.

An image is a PNG in ``bytes``, as `datasets` and Parquet viewers understand it; any other signal is float32 in
``values``, row-major in ``shape``, and comes back bit for bit.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posterity import signals
from posterity.artifacts import images
from posterity.errors import PosterityError
from posterity.signals import Kind, Picture

__all__ = ["decode", "encode", "kind_of", "picture", "png", "stack"]

_IMAGE = "image"


def encode(x: Tensor, kind: Kind) -> dict[str, Any]:
    """Return one signal x (*signal) as a ``SIGNAL`` struct.

    Raises:
        PosterityError: if the shape is invalid for this kind, or a value is not finite.
    """
    if not kind.fits(x.shape):
        raise PosterityError(f"a signal of shape {tuple(x.shape)} is not an {kind.noun}")
    about = {"kind": kind.name, "unit": kind.unit, "rate": kind.rate, "shape": list(x.shape)}
    if kind.name == _IMAGE:
        return about | images.encode(x) | {"values": None}
    values = x.detach().cpu().float()
    if not bool(values.isfinite().all()):
        raise PosterityError(f"an {kind.noun} holds a value that is not finite")
    return about | {"bytes": None, "path": None, "values": values.flatten().numpy()}


def kind_of(signal: Mapping[str, Any] | None, name: str = "signal") -> Kind:
    """Return the kind of a ``SIGNAL`` struct.

    Raises:
        PosterityError: if the struct is absent or its kind is unknown.
    """
    if signal is None:
        raise PosterityError(f"{name} is absent")
    return signals.find(signal.get("kind") or _IMAGE, signal.get("rate"))


def decode(signal: Mapping[str, Any] | None, name: str = "signal") -> Tensor:
    """Return the signal of a ``SIGNAL`` struct, float32 (*signal).

    Raises:
        PosterityError: if it is absent, or its values do not fill its shape.
    """
    kind = kind_of(signal, name)
    assert signal is not None
    if kind.name == _IMAGE:
        return images.decode(dict(signal), name)
    values, sides = signal.get("values"), signal.get("shape")
    shape = [int(side) for side in (() if sides is None else sides)]  # pandas reads it as an array
    if values is None or len(values) != math.prod(shape) or not kind.fits(shape):
        found = "no" if values is None else len(values)
        raise PosterityError(f"{name} is damaged: {found} values for an {kind.noun} of shape {tuple(shape)}")
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def stack(given: Sequence[Mapping[str, Any]]) -> Tensor:
    """Return signals of one shape as (N, *signal), float32."""
    return torch.stack([decode(signal) for signal in given])


def picture(signal: Mapping[str, Any] | None, name: str = "signal") -> Picture:
    """Return the picture in which the signal is shown, (H, W, 3)."""
    return kind_of(signal, name).picture(decode(signal, name))


def png(signal: Mapping[str, Any] | None, name: str = "signal") -> bytes:
    """Return the picture in which the signal is shown as a PNG; for an image, exactly the stored bytes."""
    from PIL import Image

    if signal is not None and isinstance(signal.get("bytes"), bytes):
        return bytes(signal["bytes"])
    buffer = io.BytesIO()
    Image.fromarray(picture(signal, name)).save(buffer, format="PNG")
    return buffer.getvalue()
