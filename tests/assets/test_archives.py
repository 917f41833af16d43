"""Members of archives that people bring: read whole, or told in one line."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from posterity.assets import archives
from posterity.assets.archives import extract, opened
from posterity.errors import PosterityError

CONTENT = bytes(i * i % 251 for i in range(5000))


def packed(path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("folder/a.bin", CONTENT)
    return path


def tarred(path: Path, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        info = tarfile.TarInfo("./folder/a.bin")
        info.size = len(CONTENT)
        archive.addfile(info, io.BytesIO(CONTENT))
    return path


def changed(path: Path, local: int, central: int, value: int) -> Path:
    """Two bytes of the member's header, and the same two in the directory at the end."""
    content = bytearray(path.read_bytes())
    for start, offset in ((content.index(b"PK\3\4"), local), (content.index(b"PK\1\2"), central)):
        struct.pack_into("<H", content, start + offset, value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [packed, tarred])
def test_members_are_read_and_copied(pack: Callable[[Path], Path], tmp_path: Path) -> None:
    source = pack(tmp_path / "archive")
    with opened(source) as archive:
        assert archive.names == ["folder/a.bin"] and archive.read("folder/a.bin") == CONTENT
        archive.copy("folder/a.bin", tmp_path / "copy", len(CONTENT))
        with pytest.raises(PosterityError, match=r"archive has no member 'b\.bin'$"):
            archive.read("b.bin")
        with pytest.raises(PosterityError, match=r"folder/a\.bin has more than the 4999 bytes that are expected"):
            archive.copy("folder/a.bin", tmp_path / "other", len(CONTENT) - 1)
    assert (tmp_path / "copy").read_bytes() == CONTENT
    extract(source, "a.bin", tmp_path / "again", len(CONTENT))
    assert (tmp_path / "again").read_bytes() == CONTENT


def test_a_member_that_is_too_large_for_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 4999)
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "a.bin").write_bytes(CONTENT)
    for source in (packed(tmp_path / "a.zip"), tarred(tmp_path / "a.tar"), tmp_path / "unpacked"):
        with opened(source) as archive, pytest.raises(PosterityError, match=r"a\.bin has more than 0 MiB"):
            archive.read(archive.names[0])


@pytest.mark.parametrize(
    ("local", "central", "value", "told"),
    [
        (6, 8, 1, "folder/a.bin cannot be read (File 'folder/a.bin' is encrypted, password required for extraction)"),
        (8, 10, 99, "folder/a.bin cannot be read (That compression method is not supported)"),
        (8, 10, 9, "folder/a.bin cannot be read (That compression method is not supported)"),
        (6, 8, 32, "folder/a.bin cannot be read (compressed patched data (flag bit 5))"),
    ],
    ids=["encrypted", "AES", "deflate64", "patched"],
)
def test_members_that_python_cannot_unpack(local: int, central: int, value: int, told: str, tmp_path: Path) -> None:
    source = changed(packed(tmp_path / "a.zip"), local, central, value)
    for look in (lambda a: a.read("folder/a.bin"), lambda a: a.copy("folder/a.bin", tmp_path / "copy")):
        with opened(source) as archive, pytest.raises(PosterityError) as error:
            look(archive)
        assert str(error.value) == f"{source}: {told}; pack it in the usual way"
    with pytest.raises(PosterityError, match="cannot be read"):
        extract(source, "folder/a.bin", tmp_path / "copy")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members_are_told(method: int, tmp_path: Path) -> None:
    source = packed(tmp_path / "a.zip", method)
    content = bytearray(source.read_bytes())
    start = 30 + len("folder/a.bin")
    content[start + 8 : start + 40] = bytes(32)
    source.write_bytes(content)
    with opened(source) as archive, pytest.raises(PosterityError, match=r"a\.zip is not a whole archive") as error:
        archive.read("folder/a.bin")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("pack", [packed, tarred])
def test_a_file_cut_anywhere_is_told(pack: Callable[[Path], Path], tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole").read_bytes()
    cut = tmp_path / "cut"
    for length in range(0, len(whole) // 2, len(whole) // 40):
        cut.write_bytes(whole[:length])
        with pytest.raises(PosterityError, match=r"cut is not a whole archive") as error, opened(cut) as archive:
            archive.read("folder/a.bin")
        assert "\n" not in str(error.value)


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(lzma.compress(b"no tar inside"))
    for path in (tmp_path / "a", tmp_path / "absent"):
        with pytest.raises(PosterityError, match="is not a whole archive"), opened(path):
            pass


def test_mistakes_of_who_reads_are_not_taken_for_damage(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of the reader"), opened(packed(tmp_path / "a.zip")):
        raise ValueError("of the reader")
