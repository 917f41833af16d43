"""Converts user input to tensors: pictures (C, H, W) in [-1, 1], masks that are 1 where a pixel is known."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from posterity import picture_reader
from posterity.datasets import pictures
from posterity.errors import PosterityError
from posterity.front import checked

__all__ = ["ROUNDING", "Given", "keep", "opened", "signal", "size_of"]

_log = logging.getLogger(__name__)
Given = str | Path | Image.Image | np.ndarray[Any, Any] | Tensor
"""A file, a PIL image, an array or a tensor."""
ROUNDING = 1e-3
"""Tolerance for values beyond [-1, 1]."""


def opened(given: Given, called: str) -> Image.Image | Tensor:
    """Return input in eight bits as a PIL image, upright RGB, and input in floating point as a tensor.

    Arguments:
        given: a path; a PIL image; eight bits as an array (H, W) or (H, W, 3), or as a tensor (C, H, W); floating
            point (C, H, W) in [-1, 1].
        called: name of the input in messages.

    Raises:
        PosterityError: if it is not a picture.
    """
    if isinstance(given, str | Path):
        path = checked.path(given)
        try:
            return picture_reader.read(path.read_bytes(), str(path))
        except OSError as error:
            raise PosterityError(f"{path} cannot be read ({error.strerror})") from error
    if isinstance(given, Image.Image):
        return picture_reader.seen(given, called)
    if not isinstance(given, np.ndarray | Tensor):
        raise PosterityError(
            f"{called} is a {type(given).__name__}, expected a path, a PIL image, an array or a tensor"
        )
    if given.dtype in (np.uint8, torch.uint8):
        levels = given.movedim(0, -1).numpy() if isinstance(given, Tensor) and given.ndim == 3 else np.asarray(given)
        levels = levels[..., 0] if levels.ndim == 3 and levels.shape[-1] == 1 else levels
        if not (levels.ndim == 2 or (levels.ndim == 3 and levels.shape[-1] in (3, 4))):
            raise PosterityError(
                f"{called} has shape {tuple(given.shape)}; eight bits are an array (H, W) or (H, W, 3), "
                "or a tensor (C, H, W)"
            )
        return picture_reader.seen(Image.fromarray(np.ascontiguousarray(levels)), called)
    found = checked.array(given, called)
    if found.ndim not in (2, 3, 4):
        shape = tuple(found.shape)
        raise PosterityError(f"{called} has shape {shape}; a picture in floating point has (C, H, W)")
    if not found.dtype.is_floating_point:
        raise PosterityError(f"{called} holds {found.dtype}; expected eight bits, or floating point in [-1, 1]")
    if not bool(found.isfinite().all()):
        raise PosterityError(f"{called} holds a value that is not finite")
    return found.double()


def size_of(picture: Image.Image | Tensor) -> tuple[int, int]:
    """Return (width, height) in pixels; a tensor is (…, H, W)."""
    return picture.size if isinstance(picture, Image.Image) else (picture.shape[-1], picture.shape[-2])


def signal(picture: Image.Image | Tensor, shape: Sequence[int], called: str) -> Tensor:
    """Return the result of :func:`opened` as an image of ``shape`` (C, H, W) in [-1, 1], float64.

    A picture is cropped to its central square and resized, which is logged; a tensor must have the shape.
    """
    if isinstance(picture, Image.Image):
        side = _side(shape, called)
        if picture.size != (side, side):
            width, height = picture.size
            middle = f"the square in the middle of {width}x{height} pixels, " if width != height else ""
            _log.warning("%s: %sresized to %dx%d, the size of the prior's images", called, middle, side, side)
        levels = pictures.cropped(picture if shape[0] == 3 else picture.convert("L"), side)
        found = torch.from_numpy(levels).to(torch.float32) / 127.5 - 1
        return (found[None] if found.ndim == 2 else found.movedim(-1, 0)).double()
    found = picture[0] if picture.ndim == len(shape) + 1 and len(picture) == 1 else picture
    if tuple(found.shape) != tuple(shape):
        raise PosterityError(
            f"{called} has shape {tuple(picture.shape)}, the prior's images {tuple(shape)}; floating point is used "
            "unchanged; a file, a PIL image or eight bits are cropped and resized"
        )
    low, high = float(found.min()), float(found.max())
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise PosterityError(
            f"{called} goes from {low:g} to {high:g}; floating point goes from -1 (black) to 1 (white)"
        )
    if low >= 0 and high > 0.5:
        said = f"{called}: all values are from 0 to 1, and -1 is black; if 0 is, give 2 * picture - 1"
        warnings.warn(said, stacklevel=4)
    return found


def keep(mask: Given, picture: tuple[int, int], shape: Sequence[int], called: str) -> Tensor:
    """Return a mask (1, 1, H, W), 1 where pixels are known and 0 where they are hidden.

    Arguments:
        mask: of the picture's size; hidden are white pixels of a file, a PIL image or eight bits, and entries that are
            true or above 0.5 in an array or a tensor (H, W) or (1, H, W).
        picture: width and height of the picture as given.
        shape: (C, H, W) that the mask is cropped and resized to.
        called: name of the picture in messages.
    """
    where = f"mask {mask}" if isinstance(mask, str | Path) else "the mask"
    if isinstance(mask, np.ndarray | Tensor) and mask.dtype not in (np.uint8, torch.uint8):
        inside = np.asarray(checked.array(mask, where).double()) > 0.5
        inside = inside[0] if inside.ndim == 3 and len(inside) == 1 else inside
        if inside.ndim != 2:
            raise PosterityError(f"{where} has shape {tuple(mask.shape)}, expected (H, W)")
        white = Image.fromarray(inside.astype(np.uint8) * 255)
    else:
        seen = opened(mask, where)
        assert isinstance(seen, Image.Image)
        white = seen
    inside = pictures.hidden(white, picture, _side(shape, called), where, called)
    return 1 - torch.from_numpy(inside).double()[None, None]


def _side(shape: Sequence[int], called: str) -> int:
    """Return the pixels per side of square images."""
    if len(shape) != 3 or shape[1] != shape[2]:
        raise PosterityError(f"{called}: the prior's signals have shape {tuple(shape)} and are not square images")
    return int(shape[1])
