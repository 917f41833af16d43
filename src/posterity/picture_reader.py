"""Decodes users' pictures as they look in a viewer: upright, with the right levels, on white.

Every picture from outside the library is read by :func:`read` or :func:`labels`.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from posterity.errors import PosterityError

__all__ = ["FORMATS", "PIXELS", "labels", "opened", "read", "seen"]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are decoded, whatever the file's extension; some other decoders, such as EPS, run external programs."""
PIXELS = 100_000_000
"""Largest number of pixels of a picture that is read."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that sets a picture of each EXIF orientation upright."""
_BITS, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
"""Tags of TIFF, and a value of the second."""
_log = logging.getLogger(__name__)
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # problems are also raised as exceptions


def read(content: bytes, name: str) -> Image.Image:
    """Return a picture as it looks in a viewer: upright, eight bits, RGB.

    Grey of 12 or 16 bits is scaled so that the largest representable number is white. Floating point goes from 0
    (black) to 1 (white). Transparency becomes white. Of several pages or frames the first one is used and a
    warning is logged. Colour profiles are not applied.

    Arguments:
        content: the file's bytes, in one of :data:`FORMATS`.
        name: for messages.

    Raises:
        PosterityError: if it is not such a picture, is damaged, or has more than :data:`PIXELS` pixels.
    """
    with opened(content, name) as image:
        if getattr(image, "is_animated", False):
            _log.warning("%s: the first of its frames is taken", name)
        return _seen(image)


def seen(image: Image.Image, name: str) -> Image.Image:
    """Return a decoded picture in the form that :func:`read` returns.

    Raises:
        PosterityError: if its levels are out of range or of an unknown type.
    """
    try:
        return _seen(image)
    except Exception as error:  # unforeseen Pillow modes
        raise PosterityError(f"{name} is not a readable image ({' '.join(str(error).split())})") from error


def labels(content: bytes, name: str) -> NDArray[Any]:
    """Return the stored levels or palette indices of a picture whose pixels are labels, (H, W), set upright.

    Raises:
        PosterityError: as :func:`read`, and for a picture with several channels.
    """
    with opened(content, name) as image:
        found = np.array(_upright(image, image))
    if found.ndim != 2:
        raise PosterityError(f"{name} has {found.shape[-1]} channels, a picture of labels has one")
    return found


def _seen(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        seen = Image.fromarray(_grey(image, _white(image)))
    elif image.mode == "I" and image.format == "PPM":
        seen = Image.fromarray(_grey(image, 65535))
    elif image.mode == "F":
        seen = Image.fromarray(_grey(image, 1.0))
    elif image.mode == "I":
        raise _Unfit("its numbers have a sign or 32 bits; save it with 8 or 16 bits, or as floating point from 0 to 1")
    elif image.has_transparency_data:
        clear = image.info.get("transparency")
        if isinstance(clear, tuple) and max(clear) > 255:  # Pillow keeps only the high bytes of 16-bit colours
            image.info["transparency"] = tuple(level >> 8 for level in clear)
        colours = image.convert("RGBA")
        seen = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    else:
        seen = image
    return _upright(seen.convert("RGB"), image)


@contextmanager
def opened(content: bytes, name: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Yield the decoded picture as stored; any error in the block is re-raised with a one-line message.

    Arguments:
        content: the file's bytes.
        name: for messages.
        formats: Pillow decoders to try.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about odd but readable files
            with Image.open(io.BytesIO(content), formats=formats) as image:
                if image.width * image.height > PIXELS:
                    raise _Unfit(f"it has {image.width}x{image.height} pixels, at most {PIXELS} are read")
                image.load()
                yield image
    except Exception as error:  # a decoder fed with arbitrary bytes can raise anything
        valid = "image" if formats is FORMATS else " or ".join(formats)
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):  # the exception's text is only a memory address
            reason = f"it is not {', '.join(formats)}"
        raise PosterityError(f"{name} is not a readable {valid} ({reason})") from error


class _Unfit(Exception):
    """Raised for a picture that the decoder accepts but this library refuses."""


def _upright(seen: Image.Image, image: Image.Image) -> Image.Image:
    """Return ``seen``, converted from ``image``, rotated as the EXIF data of ``image`` say."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # viewers also show a picture with broken EXIF data unrotated
        return seen
    return seen if turn is None else seen.transpose(turn)


def _white(image: Image.Image) -> int:
    """Return the level of white of a picture with up to 16 bits."""
    bits = image.tag_v2.get(_BITS, (16,)) if isinstance(image, TiffImagePlugin.TiffImageFile) else (16,)
    return (1 << bits[0]) - 1


def _grey(image: Image.Image, white: float) -> NDArray[np.uint8]:
    """Return 8-bit levels (H, W) of a one-channel picture that goes from 0 (black) to ``white``."""
    numbers = np.asarray(image)
    levels = numbers.astype(np.float32) * (255 / white)
    if not np.isfinite(levels).all() or levels.min() < -0.5 or levels.max() > 255.5:
        raise _Unfit(
            f"its numbers go from {numbers.min():g} to {numbers.max():g}, expected 0 (black) to {white:g} (white)"
        )
    levels = levels.clip(0, 255).round()
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        levels = 255 - levels
    if (clear := image.info.get("transparency")) is not None:
        levels[numbers == clear] = 255
    return levels.astype(np.uint8)
