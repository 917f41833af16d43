"""Inpainting with one of many kinds of masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators import lead_masks, mask_shapes
from posterity.operators.base import Operator
from posterity.operators.families.base import Area, Family, Own, Shape
from posterity.operators.masks import Inpainting

__all__ = ["Inpaint"]

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}


def _list(items: dict[str, Any], description: str, count: int | None = None) -> WithJsonSchema:
    """Return the schema of ``count`` entries; without a count, of one or more different ones."""
    size = {"uniqueItems": True, "minItems": 1} if count is None else {"minItems": count, "maxItems": count}
    return WithJsonSchema({"type": "array", "items": items, **size, "description": description})


def _enum(values: list[str], **about: str) -> WithJsonSchema:
    return WithJsonSchema({"enum": values, **about})


Pair = list[float] | None


@dataclass(frozen=True)
class Inpaint(Family):
    """Hides a part of the signal; exactly one setting is given and selects the mask."""

    regions: Annotated[list[str] | None, _list(_NAME, "one of these masks of the dataset, drawn for each item")] = None
    observed_leads: Annotated[
        list[str] | None, _list({"type": "string"}, "of an ECG: the leads that are measured; the others are hidden")
    ] = None
    missing_block: Annotated[
        str | None,
        _enum(
            list(lead_masks.HALVES),
            description="of an ECG: the half of the time that is hidden in all leads; random draws one for each item",
        ),
    ] = None
    missing_block_per_lead: Annotated[
        float | str | None,
        WithJsonSchema(
            {
                "anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"const": lead_masks.HALF}],
                "description": "of an ECG: the share of the time that is hidden, at another place in each lead; `half` "
                "draws the first or the second half for each lead",
            }
        ),
    ] = None
    box: Annotated[list[float] | None, _list(_SHARE, "top, left, bottom, right as fractions of the sides", 4)] = None
    half: Annotated[str | None, _enum(["left", "right", "top", "bottom"])] = None
    objects: Annotated[list[str] | None, _list(_NAME, "the box around these masks of the dataset")] = None
    face_parts: Annotated[
        list[str] | None,
        _list({"enum": list(mask_shapes.FACE_PARTS)}, "one of these boxes of aligned faces, drawn for each item"),
    ] = None
    expand: Annotated[
        float | None,
        WithJsonSchema(_SHARE | {"description": "side of the centred window that is kept, as a fraction"}),
    ] = None
    random_box: Annotated[
        Pair, _list(_SHARE, "side of the hidden box and its margin to the border, as fractions", 2)
    ] = None
    pixels: Annotated[Pair, _list(_SHARE, "least and greatest share of hidden pixels", 2)] = None
    window: Annotated[Pair, _list(_SHARE, "least and greatest share that a rotated rectangle hides", 2)] = None
    strokes: Annotated[Pair, _list(_SHARE, "least and greatest share that free-form strokes hide", 2)] = None
    rotated_half: Annotated[
        bool | None,
        WithJsonSchema({"const": True, "description": "a half-plane at an angle drawn for each item"}),
    ] = None
    free_form: Annotated[Pair, _list(_SHARE, "least and greatest share that boxes and strokes hide", 2)] = None
    face_part: SkipJsonSchema[str | None] = None
    """One of ``face_parts``, after it is drawn."""
    has = Inpainting.has | {"pixelwise"}
    any_signal = True
    one_of = (
        "regions", "observed_leads", "missing_block", "missing_block_per_lead", "box", "half", "objects", "face_parts",
        "expand", "random_box", "pixels", "window", "strokes", "rotated_half", "free_form",
    )  # fmt: skip
    rehearsals = 8

    def build(self, shape: Shape, own: Own) -> Operator:
        return Inpainting(own["keep"].double(), shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
        known = mask_shapes.SHAPES if len(shape) == 3 else lead_masks.SHAPES
        name = next((name for name in known if getattr(self, name) is not None), None)
        if name is None:
            raise PosterityError(f"a signal of shape {shape} needs one of {', '.join(known)}")
        if len(shape) == 2:
            return {"keep": lead_masks.SHAPES[name](getattr(self, name), shape[1], rng)[None]}
        _, height, width = shape
        return {"keep": mask_shapes.SHAPES[name](height, width, getattr(self, name), rng)[None]}

    def draw_for(
        self, shape: Shape, rng: np.random.Generator, area: Area, called: str
    ) -> tuple[str | None, dict[str, Tensor]]:
        if self.objects is not None:
            inside = sum(area(name) for name in self.objects)
            assert isinstance(inside, Tensor), "there is one object or more"
            return None, {"keep": mask_shapes.object_box(inside > 0)[None]}
        names = self.regions or self.face_parts
        if not names:
            return self.half, self.draw(shape, rng)
        variant = names[int(rng.integers(len(names)))]
        if self.face_parts is not None:
            return variant, replace(self, face_parts=None, face_part=variant).draw(shape, rng)
        inside = {name: area(name) for name in names}[variant]
        return variant, {"keep": mask_shapes.partial(1 - inside, f"{called}: region {variant!r}")[None, None]}
