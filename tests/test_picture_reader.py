"""Pictures that people bring: seen as people see them, and refused in one line where they cannot be."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterity import picture_reader
from posterity.artifacts import images
from posterity.errors import PosterityError
from posterity.picture_reader import labels, read

RAMP = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(8, 32)
LEVELS = np.arange(256, dtype=np.uint8).reshape(8, 32)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth: int, colour: int, rows: bytes, *between: bytes, size: tuple[int, int] = (3, 1)) -> bytes:
    """A PNG out of its parts; ``between`` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *between, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(bits: int, format: int, pixels: np.ndarray, white_is_zero: bool = False) -> bytes:
    """A little-endian TIFF of one channel; format: 1 unsigned, 2 signed, 3 floating point."""
    data = pixels.tobytes()
    height, width = (1, 2) if bits == 12 else pixels.shape
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, 0 if white_is_zero else 1),
            (273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(data)), (339, 3, format)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def grey(content: bytes) -> np.ndarray:
    seen = np.array(read(content, "x"))
    assert seen.ndim == 3 and seen.dtype == np.uint8 and (seen == seen[..., :1]).all()
    return seen[..., 0]


@pytest.mark.parametrize(
    "content",
    [
        saved(Image.fromarray(RAMP), "PNG"),
        saved(Image.fromarray(RAMP), "TIFF"),
        tiff(16, 1, RAMP),
        tiff(16, 1, 65535 - RAMP, white_is_zero=True),
        b"P5 32 8 65535\n" + RAMP.astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "tiff by hand", "tiff from white to black", "pgm"],
)
def test_sixteen_bits_of_grey_keep_their_ramp(content: bytes) -> None:
    assert (grey(content) == LEVELS).all()


def test_twelve_bits_of_grey_end_at_4095() -> None:
    packed = np.array([0xFF, 0xF8, 0x00], np.uint8)  # 4095, 2048
    assert grey(tiff(12, 1, packed)).tolist() == [[255, 128]]


@pytest.mark.parametrize(
    "content",
    [
        saved(Image.fromarray(LEVELS.astype(np.float32) / 255), "TIFF"),
        tiff(32, 3, (LEVELS / 255).astype(np.float32)),
        tiff(32, 3, (1 - LEVELS / 255).astype(np.float32), white_is_zero=True),
        b"Pf\n32 8\n-1.0\n" + (LEVELS[::-1] / 255).astype("<f4").tobytes(),
    ],
    ids=["tiff", "tiff by hand", "tiff from white to black", "pfm"],
)
def test_floating_point_goes_from_black_at_0_to_white_at_1(content: bytes) -> None:
    assert (grey(content) == LEVELS).all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (tiff(32, 3, LEVELS.astype(np.float32)), "its numbers go from 0 to 255, expected 0 (black) to 1 (white)"),
        (tiff(32, 3, np.array([[np.nan, 1]], np.float32)), "expected 0 (black) to 1 (white)"),
        (tiff(32, 3, np.array([[-0.2, 1]], np.float32)), "its numbers go from -0.2 to 1, expected"),
        (tiff(16, 2, LEVELS.astype(np.int16)), "its numbers have a sign or 32 bits; save it with 8 or 16 bits"),
        (tiff(32, 1, LEVELS.astype(np.uint32)), "its numbers have a sign or 32 bits; save it with 8 or 16 bits"),
    ],
    ids=["to 255", "NaN", "negative", "signed", "32 bits"],
)
def test_levels_whose_white_is_not_known_are_refused(content: bytes, told: str) -> None:
    with pytest.raises(PosterityError) as error:
        read(content, "a.tiff")
    assert str(error.value).startswith("a.tiff is not a readable image (") and told in str(error.value)


def test_what_is_transparent_shows_white() -> None:
    """Hidden colours stay hidden, in every way in which a file can hide them; half of red on white is pink."""
    pixels = np.array([[[255, 0, 0, 0], [255, 0, 0, 128], [255, 0, 0, 255]]], np.uint8)
    expected = [[255, 255, 255], [255, 127, 127], [255, 0, 0]]
    for format in ("PNG", "WEBP", "TIFF"):
        seen = np.array(read(saved(Image.fromarray(pixels), format, lossless=True), "x"))[0]
        assert np.abs(seen.astype(int) - expected).max() <= 1, format
    faint = Image.fromarray(np.array([[[0, 0], [0, 255], [90, 128]]], np.uint8))
    assert np.abs(grey(saved(faint, "PNG")).astype(int) - [[255, 0, 172]]).max() <= 1
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for format, hidden in (("PNG", b"\x00\xff\xff"), ("GIF", 0)):
        seen = np.array(read(saved(palette, format, transparency=hidden), "x"))[0]
        assert seen.tolist() == [[255, 255, 255], [0, 255, 0], [0, 0, 255]], format


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(8, 0, bytes([0, 10, 20, 30]), chunk(b"tRNS", struct.pack(">H", 20))), [10, 255, 30]),
        (png(8, 2, bytes([0, *[10] * 3, *[20] * 3, *[30] * 3]), chunk(b"tRNS", struct.pack(">HHH", 20, 20, 20))),
         [10, 255, 30]),
        (png(16, 0, struct.pack(">BHHH", 0, 2570, 5140, 7710), chunk(b"tRNS", struct.pack(">H", 5140))), [10, 255, 30]),
        (png(16, 2, struct.pack(">B9H", 0, *[2570] * 3, *[5140] * 3, *[7710] * 3),
             chunk(b"tRNS", struct.pack(">HHH", *[5140] * 3))), [10, 255, 30]),
    ],
    ids=["grey", "colours", "16 bits of grey", "16 bits of colours"],
)  # fmt: skip
def test_one_colour_that_stands_for_transparent(content: bytes, expected: list[int]) -> None:
    assert grey(content)[0].tolist() == expected


UPRIGHT = np.zeros((40, 64, 3), np.uint8)
UPRIGHT[:, :32, 0], UPRIGHT[:20, :, 1] = 255, 255
STORED = {  # what a camera stores of UPRIGHT at each EXIF orientation
    1: UPRIGHT, 2: UPRIGHT[:, ::-1], 3: UPRIGHT[::-1, ::-1], 4: UPRIGHT[::-1], 5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT), 7: np.rot90(UPRIGHT.transpose(1, 0, 2), 2), 8: np.rot90(UPRIGHT, -1),
}  # fmt: skip


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_set_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(STORED[orientation])), format, exif=exif, quality=95)
    seen = np.array(read(content, "x"))
    assert seen.shape == UPRIGHT.shape
    assert np.abs(seen.astype(int) - UPRIGHT).mean() < 4  # but for the rims, which JPEG and WebP blur
    if format in ("PNG", "TIFF"):
        held = saved(Image.fromarray(np.ascontiguousarray(STORED[orientation][..., 0])), format, exif=exif)
        assert (labels(held, "x") == UPRIGHT[..., 0]).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF"])
def test_the_first_of_several_frames_is_taken_and_told(format: str, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, format=format, save_all=True, append_images=frames[1:])
    seen = picture_reader.read(buffer.getvalue(), "moving")
    assert caplog.messages == ["moving: the first of its frames is taken"]
    red, _, blue = np.asarray(seen)[2, 2]
    assert red > 200 and blue < 50


def test_broken_exif_data_do_not_hide_a_picture() -> None:
    picture = Image.fromarray(UPRIGHT)
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        assert read(saved(picture, "JPEG", exif=exif), "x").size == picture.size


def test_levels_of_labels_are_as_they_are_stored() -> None:
    palette = Image.fromarray(LEVELS, "P")
    palette.putpalette(bytes(768))
    assert (labels(saved(palette, "PNG"), "x") == LEVELS).all()
    assert (labels(saved(Image.fromarray(RAMP), "PNG"), "x") == RAMP).all()
    with pytest.raises(PosterityError, match="x has 3 channels, a picture of labels has one"):
        labels(saved(Image.fromarray(UPRIGHT), "PNG"), "x")


NOISE = np.random.default_rng(0).bytes(32 * 32)
PIXELS = zlib.compress(b"".join(b"\0" + NOISE[k : k + 32] for k in range(0, 1024, 32)))
SOME, MORE = chunk(b"IDAT", PIXELS[:500]), PIXELS[500:]
BOMB = zlib.compress(bytes(100_000_000))
HOSTILE = {
    "too many pixels": png(8, 2, b"", size=(20_000, 20_000)),
    "a few too many pixels": png(8, 0, b"", size=(10_001, 10_000)),
    "zTXt bomb": png(8, 0, bytes([0, 1, 2, 3]), chunk(b"zTXt", b"a\0\0" + BOMB)),
    "iCCP bomb": png(8, 0, bytes([0, 1, 2, 3]), chunk(b"iCCP", b"a\0\0" + BOMB)),
    "iTXt bomb": png(8, 0, bytes([0, 1, 2, 3]), chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)),
    "a header that ends early": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0"),
    "a broken second IDAT": png(8, 0, b"", SOME, chunk(b"\1\2\3\4", MORE), size=(32, 32)),
    "no pixels": png(8, 0, b""),
    "no size": png(8, 0, b"", size=(0, 0)),
    "a TIFF that points behind its end": b"II*\0\xff\xff\xff\xff",
    "a TIFF of a million channels": tiff(8, 1, LEVELS).replace(
        struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 277, 4, 1, 10**6)
    ),
    "a JPEG that ends early": saved(Image.fromarray(UPRIGHT), "JPEG")[:200],
    "a WebP that ends early": saved(Image.fromarray(UPRIGHT), "WEBP")[:40],
    "a GIF without a frame": b"GIF89a\1\0\1\0\0\0\0;",
    "a BMP of negative width": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -5, 5, 1, 24, *[0] * 6),
    "a PGM whose size is no number": b"P5 x y 255\n",
    "nothing": b"",
    "text": b"not a picture",
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_decoded_is_told_in_one_line(
    content: bytes, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    for look in (read, labels):
        with pytest.raises(PosterityError, match=r"^folder/a\.png is not a readable image \(.+\)$") as error:
            look(content, "folder/a.png")
        assert "\n" not in str(error.value) and len(str(error.value)) < 300 and "object at" not in str(error.value)
    with pytest.raises(PosterityError, match=r"^item 7 is not a readable PNG \(.+\)$"):
        images.decode({"bytes": content, "path": None}, "item 7")
    assert not recwarn.list and not caplog.records


def test_the_largest_picture_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_reader, "PIXELS", 12)
    assert read(saved(Image.new("L", (4, 3)), "PNG"), "x").size == (4, 3)
    with pytest.raises(PosterityError, match="13x1 pixels, at most 12"):
        read(saved(Image.new("L", (13, 1)), "PNG"), "x")


def test_no_other_program_sees_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EPS is a program for Ghostscript, which Pillow would start whatever the file's name ends in."""
    mark = tmp_path / "mark"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(PosterityError, match=r"^a\.png is not a readable image"):
        read(eps, "a.png")
    assert not mark.exists()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16"])
def test_artifacts_hold_eight_bits_of_grey_or_colours(mode: str) -> None:
    content = saved(Image.new(mode, (4, 4)), "PNG")
    with pytest.raises(PosterityError, match=f"item 7 is not a readable PNG .its mode is {mode}, expected eight bits"):
        images.decode({"bytes": content}, "item 7")
    for absent in (None, {}, {"bytes": None, "path": "a.png"}):
        with pytest.raises(PosterityError, match="item 7 is not a readable PNG"):
            images.decode(absent, "item 7")
