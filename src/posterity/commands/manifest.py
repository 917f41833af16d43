"""Validates the manifest of an exported archive before any of its files is used."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from posterity import json_reader
from posterity.commands.redraw import DRAWN, MANIFEST, inside
from posterity.errors import PosterityError

__all__ = ["Manifest", "Product", "read"]

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Product(BaseModel, strict=True):
    """A table or figure of an archive; paths are relative to the archive."""

    stage: Literal["table", "figure"]
    settings: dict[str, Any]
    inputs: list[str]
    output: str

    def files(self) -> list[str]:
        """Return all files that the stage writes."""
        return [str(PurePosixPath(self.output).with_suffix(suffix)) for suffix in DRAWN[self.stage]]


class Manifest(BaseModel, strict=True):
    """The part of an archive's provenance.json that redrawing needs: the products, and every file with its SHA-256."""

    products: list[Product]
    files: dict[str, Digest]


def read(opened: zipfile.ZipFile, archive: Path) -> Manifest:
    """Read an archive's manifest; every name in it must be one of the archive's files."""
    if opened.getinfo(MANIFEST).file_size > json_reader.MOST_BYTES:
        raise PosterityError(f"{archive}: {MANIFEST} is larger than {json_reader.MOST_BYTES >> 20} MiB")
    content = json_reader.parse(opened.read(MANIFEST), f"{archive}: {MANIFEST}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise PosterityError(f"{archive}: {MANIFEST}: {_mistake(error)}") from error
    for name in (*manifest.files, *(n for p in manifest.products for n in (p.output, *p.inputs))):
        if not name or inside(name) != name:
            raise PosterityError(f"{archive}: {MANIFEST} names {name!r}, which is not a path inside the archive")
    for product in manifest.products:
        if not product.output.endswith(DRAWN[product.stage][0]):
            wanted = f"the output of a {product.stage} ends in {DRAWN[product.stage][0]}"
            raise PosterityError(f"{archive}: {MANIFEST} names {product.output!r}; {wanted}")
        for name in (*product.inputs, *product.files()):
            if name not in manifest.files:
                raise PosterityError(f"{archive}: {MANIFEST} names {name!r}, which is not among its files")
    return manifest


def _mistake(error: ValidationError) -> str:
    """Return the first mistake, with its place and the value given."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    given = "" if first["type"] == "missing" else f", is {repr(first['input'])[:60]}"
    if first["type"] == "model_type":
        return f"{where and f'{where}: '}must be an object{given}"
    return f"{where}: {first['msg']}{given}"
