"""``posterity redraw`` draws an exported experiment's tables and figures from its archive alone."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.commands.manifest import Manifest, Product

__all__ = ["DRAWN", "MANIFEST", "inside", "redraw", "unpacked"]

MANIFEST = "provenance.json"
DRAWN: Mapping[str, tuple[str, ...]] = {"table": (".parquet", ".csv", ".md"), "figure": (".svg", ".png", ".csv")}
"""The stages that draw, and how the files end that each writes; the first is its output."""


def redraw(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What `posterity export` wrote.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where tables and figures go.")],
) -> None:
    """Draw an exported experiment's tables and figures again, from the archive alone.

    Tells which are not, byte by byte, those in the archive; other versions of the packages may draw otherwise.

    Example: posterity redraw diversity.zip --output redrawn
    """
    from posterity.commands.stages import run_stage

    with tempfile.TemporaryDirectory() as folder:
        products = unpacked(archive, Path(folder)).products
        other: list[str] = []
        for product in products:
            inputs = [Path(folder, name) for name in product.inputs]
            run_stage(product.stage, product.settings, inputs=inputs, output=output / product.output)
            other += _others(product, Path(folder), output)
    for name in other:
        typer.echo(f"not the same as in the archive: {output / name}")
    typer.echo(
        f"{len(products)} tables and figures in {output}, {len(products) - len(other)} the same as in the archive"
    )


def inside(path: str) -> str:
    """Return a path's name in an archive: never absolute, never above."""
    return "/".join(part for part in PurePosixPath(path).parts if part not in ("/", "..", "."))


def unpacked(archive: Path, folder: Path) -> Manifest:
    """Unpack the files, which are those that were packed to the last bit, and return what the archive says of them."""
    from posterity.artifacts.digest import sha256
    from posterity.commands import manifest as manifests  # brings pydantic, which other commands do without

    try:
        with zipfile.ZipFile(archive) as opened:
            manifest = manifests.read(opened, archive)
            for name in manifest.files:
                opened.extract(name, folder)
    except FileNotFoundError:
        raise PosterityError(f"{archive} does not exist") from None
    # zipfile raises RuntimeError for what is encrypted, and its subclass for a compression that it does not know
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, RuntimeError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise PosterityError(f"{archive} is not a whole archive of `posterity export` ({reason})") from error
    for name, digest in manifest.files.items():
        if sha256(folder / name) != digest:
            raise PosterityError(f"{archive}: {name} is not what was packed")
    return manifest


def _others(product: Product, packed: Path, drawn: Path) -> Iterator[str]:
    """Return the product's name if it came out otherwise; of tables what is compared is their text."""
    names = [name for name in product.files() if not name.endswith(".parquet")]
    if any((packed / name).read_bytes() != (drawn / name).read_bytes() for name in names):
        yield names[0]
