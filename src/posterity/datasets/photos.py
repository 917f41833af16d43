"""20 ImageNet photographs that are distributed with a package."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from posterity.assets.archives import opened
from posterity.datasets.items import DataSet, Item, Outline, alternate_split
from posterity.datasets.pictures import square
from posterity.errors import PosterityError
from posterity.imports import lean

__all__ = ["outline", "prepare"]

_MEMBER = re.compile(r"foolbox/data/(imagenet_\d\d_(\d{1,3}))\.jpg")
_LICENSE = """\
20 photographs of the ImageNet validation set (O. Russakovsky et al., ImageNet Large Scale Visual Recognition
Challenge, 2015), as distributed with Foolbox 3.3.4 (J. Rauber, W. Brendel, M. Bethge et al.). The package is under
the MIT licence. ImageNet does not own the copyright of the photographs: use them for non-commercial research and
education only, and do not redistribute them. Changes: centre-cropped and resized to {size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of the 20 photographs, half of which are test items.

    Raises:
        PosterityError: if ``select`` is not "all", or ``count`` is given.
    """
    if count is not None:
        raise PosterityError(f"count is {count}, but the photographs are prepared together; leave it out")
    if select != "all":
        raise PosterityError(f"select is {select!r}, expected 'all'")
    return Outline(10, ("prior", "test"), described=False)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare all photographs, centre-cropped to a square and resized.

    Arguments:
        source: the wheel of foolbox.
        select: "all".
        size: height and width in pixels.
        count: must be None, since the split covers all photographs.
    """
    outline(select, count)
    with lean():
        from torchvision.models import VGG16_Weights

    classes = VGG16_Weights.IMAGENET1K_V1.meta["categories"]
    with opened(source) as content:
        found = {name: match for name in sorted(content.names) if (match := _MEMBER.fullmatch(name))}
        if not found:
            raise PosterityError(f"{source} has no member like foolbox/data/imagenet_00_243.jpg")
        half = alternate_split([match[1] for match in found.values()])
        items = []
        for name, match in found.items():
            label = classes[int(match[2])]
            pixels = square(content.read(name), size, PurePosixPath(name).name)
            items.append(Item(match[1], label, "photograph", half[match[1]], [label.replace(" ", "-")], pixels))
    return DataSet(items, _LICENSE.format(size=size))
