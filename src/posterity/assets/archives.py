"""Reads zip and tar archives (including wheels) and unpacked folders, without importing anything from them."""

from __future__ import annotations

import errno
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from posterity.errors import PosterityError

__all__ = ["LARGEST", "Archive", "extract", "opened"]

LARGEST = 1 << 29
"""Size in bytes of the largest member that may be read into memory; larger ones must be copied."""
_BLOCK = 1 << 20


class Archive:
    """An open archive or folder with access to its files by name.

    Arguments:
        path: path of the archive, for messages.
        names: names of the files, with "/" between folders.
        member: opens a file by its name; raises KeyError if there is none.
    """

    def __init__(self, path: Path, names: list[str], member: Callable[[str], IO[bytes]]) -> None:
        self._path, self._member = path, member
        self.names = names

    def read(self, name: str) -> bytes:
        """Return the member's bytes, verifying the archive's checksum if it has one."""
        with self._opened(name) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise PosterityError(f"{self._path}: {name} has more than {LARGEST >> 20} MiB")
        return content

    def copy(self, name: str, target: Path, size: int | None = None) -> None:
        """Write the member to ``target``; raise PosterityError if it is longer than ``size`` bytes."""
        done = 0
        with self._opened(name) as file, target.open("wb") as out:
            while block := file.read(_BLOCK):
                done += len(block)
                if size is not None and done > size:
                    raise PosterityError(f"{self._path}: {name} has more than the {size} bytes that are expected")
                out.write(block)

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._member(name) as file:
                yield file
        except KeyError:
            raise PosterityError(f"{self._path} has no member {name!r}") from None
        except PosterityError:
            raise
        except (RuntimeError, NotImplementedError) as error:  # it needs a password, or a compression that Python lacks
            raise PosterityError(f"{self._path}: {name} cannot be read ({error}); pack it in the usual way") from error
        except Exception as error:  # a decompressor fed with arbitrary bytes can raise anything
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _broken(self._path, f"{name}: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip or tar archive, or a folder, for reading; raise PosterityError if it is damaged."""
    with ExitStack() as stack:
        try:
            archive = _archive(path, stack)
        except Exception as error:
            raise _broken(path, error) from error
        yield archive


def _archive(path: Path, stack: ExitStack) -> Archive:
    if path.is_dir():
        names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        return Archive(path, names, lambda name: (path / name).open("rb"))
    if not zipfile.is_zipfile(path) and tarfile.is_tarfile(path):
        packed = stack.enter_context(tarfile.open(path))  # noqa: SIM115
        files = {member.name.removeprefix("./"): member for member in packed if member.isfile()}
        return Archive(path, list(files), lambda name: _inside(packed, files[name]))
    content = stack.enter_context(zipfile.ZipFile(path))
    return Archive(path, [name for name in content.namelist() if not name.endswith("/")], content.open)


def _inside(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = packed.extractfile(member)
    assert found is not None  # a file, not a folder
    return found


def _broken(path: Path, error: object) -> PosterityError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return PosterityError(f"{path} is not a whole archive ({reason}); delete it and fetch it again")


def extract(archive: Path, member: str, target: Path, size: int | None = None) -> None:
    """Copy one member of a wheel or source distribution (without its top folder) to ``target``.

    Arguments:
        archive: the zip or tar file.
        member: name of the member.
        target: file to write; it is overwritten if it exists.
        size: expected size in bytes, if known; a larger member is refused.
    """
    with opened(archive) as content:
        within = (name for name in content.names if name.partition("/")[2] == member)
        content.copy(member if member in content.names else next(within, member), target, size)
