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
"""File endings that each drawing stage writes; the first is that of its output."""


def redraw(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive of `posterity export`.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the tables and figures.")],
) -> None:
    """Draw an exported experiment's tables and figures again, from the archive alone.

    Reports files that differ from those in the archive; other versions of the packages may draw differently.

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
        typer.echo(f"differs from the archive: {output / name}")
    typer.echo(
        f"{len(products)} tables and figures in {output}, {len(products) - len(other)} the same as in the archive"
    )


def inside(path: str) -> str:
    """Return a path's name in an archive: neither absolute nor with ".."."""
    return "/".join(part for part in PurePosixPath(path).parts if part not in ("/", "..", "."))


def unpacked(archive: Path, folder: Path) -> Manifest:
    """Unpack the files, verify their checksums and return the manifest."""
    from posterity.artifacts.digest import sha256
    from posterity.commands import manifest as manifests  # imports pydantic, which other commands do without

    try:
        with zipfile.ZipFile(archive) as opened:
            manifest = manifests.read(opened, archive)
            for name in manifest.files:
                opened.extract(name, folder)
    except FileNotFoundError:
        raise PosterityError(f"{archive} does not exist") from None
    # zipfile raises RuntimeError for an encrypted file, and its subclass for an unknown compression
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, RuntimeError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise PosterityError(f"{archive} is not a whole archive of `posterity export` ({reason})") from error
    for name, digest in manifest.files.items():
        if sha256(folder / name) != digest:
            raise PosterityError(f"{archive}: {name} differs from the file that was packed")
    return manifest


def _others(product: Product, packed: Path, drawn: Path) -> Iterator[str]:
    """Yield the product's first file name if any of its files differs; tables are compared by their text files."""
    names = [name for name in product.files() if not name.endswith(".parquet")]
    if any((packed / name).read_bytes() != (drawn / name).read_bytes() for name in names):
        yield names[0]
