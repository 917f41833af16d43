"""Plain values out of YAML, in bounded time; everything else is one line that says where."""

import os
from pathlib import Path

import pytest

from posterity.errors import PosterityError
from posterity.yaml_reader import MOST_BYTES, MOST_DEPTH, Unreadable, parse, read


def bomb(levels, open_="[", between=",", close="]"):
    """Every level is nine times the one before it."""
    lines = [f"a0: &a0 {open_}{between.join(f'k{i}: x' if open_ == '{' else 'x' for i in range(9))}{close}"]
    for level in range(1, levels + 1):
        one = [f"k{i}: *a{level - 1}" if open_ == "{" else f"*a{level - 1}" for i in range(9)]
        lines.append(f"a{level}: &a{level} {open_}{between.join(one)}{close}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: [1, 0x10, 2.5, .inf, true, null, text, '1']", {"a": [1, 16, 2.5, float("inf"), True, None, "text", "1"]}),
        ("a: 1.0e-4\nb: 1e-4", {"a": 1e-4, "b": "1e-4"}),
        ("a: 2026-01-02", {"a": "2026-01-02"}),
        (
            "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: *x",
            {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}, "e": {"b": 1, "c": 2}},
        ),
        ("a: =\n=: b", {"a": "=", "=": "b"}),
        ("\ufeffa: 1", {"a": 1}),
        (bomb(3), parse(bomb(3), "")),
    ],
)
def test_what_is_read(text, value):
    assert parse(text, "t") == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # what people write
        ("x: {{ y }}", "line 1, column 5: a list or mapping cannot be a key; put quotes"),
        ("? [a]\n: b", "line 1, column 3: a list or mapping cannot be a key"),
        ("x: 2026-13-45", "line 1, column 4: '2026-13-45' cannot be read as !!timestamp; put a text in quotes"),
        ("x: !!int abc", "line 1, column 4: 'abc' cannot be read as !!int"),
        ("x: !!float ''", "line 1, column 4: '' cannot be read as !!float"),
        ("x: !!bool maybe", "line 1, column 4: 'maybe' cannot be read as !!bool"),
        ("x: 1" + "0" * 5000, "line 1, column 4: '1000"),
        ("x: 1\n\ty: 2", "line 2, column 1: found a tab character"),
        ("x: 1\nx: 2", "line 2, column 1: key 'x' is given twice"),
        ("- {a: {x: 1, y: 2, x: 3}}", "line 1, column 20: key 'x' is given twice"),
        ("1: x", "line 1, column 1: the key 1 is not text; put it in quotes"),
        ("on: x", "line 1, column 1: the key on is not text"),
        ("a: &x {1: 2}\nb: {<<: *x}", "line 1, column 8: the key 1 is not text"),
        ("---\na: 1\n---\nb: 2", "line 3, column 1: but found another document"),
        # values that a configuration does not have
        ("x: !!set {a, b}", "line 1, column 4: values of type !!set are not read"),
        ("x: !!binary aGk=", "line 1, column 4: values of type !!binary are not read"),
        ("x: !mine y", "line 1, column 4: values of type !mine are not read"),
        ("x: !!python/object/apply:os.system [true]", "line 1, column 4: values of type !!python/object/apply:os."),
        ("x: !!map [1]", "line 1, column 4: expected names with their values"),
        ("x: !!str {a: 1}", "line 1, column 4: a list or mapping cannot be read as !!str"),
        ('x: "a\\0b"', "line 1, column 4: a text holds the control character '\\x00'"),
        ('x: "\\e[2J"', "line 1, column 4: a text holds the control character '\\x1b'"),
        ("x: a\x00b", "holds a character that is not text, at position 4"),
        # more than there seems
        ("x: " + "[" * 3000 + "]" * 3000, f"line 1, column 43: lists and mappings are nested more than {MOST_DEPTH}"),
        ("x: " + "{" * 3000, f"line 1, column 43: lists and mappings are nested more than {MOST_DEPTH} deep"),
        ("- " * 100_000 + "x", f"line 1, column 81: lists and mappings are nested more than {MOST_DEPTH} deep"),
        (bomb(9), "line 6, column 10: holds more than 100000 values with aliases expanded"),
        (bomb(9, "{", ",", "}"), "line 5, column 54: holds more than 100000 values with aliases expanded"),
        ("x: [" + "1," * 200_000 + "]", "line 1, column 19"),
        ("x: &x [*x]", "line 1, column 8: the alias *x stands inside of, or before, what it stands for"),
        ("x: *y", "line 1, column 4: the alias *y stands inside of, or before, what it stands for"),
    ],
    ids=lambda value: value[:20].encode("unicode_escape").decode(),
)
def test_what_is_not_read(text, reason):
    with pytest.raises(Unreadable) as told:
        parse(text, "mine.yaml")
    assert told.value.reason.startswith(reason)
    assert str(told.value) == f"mine.yaml: {told.value.reason}" and "\n" not in str(told.value)


def test_files_that_are_none_or_too_large(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * MOST_BYTES)
    (tmp_path / "latin.yaml").write_bytes("café: 1".encode("latin-1"))
    (tmp_path / "utf16.yaml").write_bytes("a: 1".encode("utf-16"))
    for path, reason in (
        (large, "is larger than 1 MB, too much for a configuration"),
        ("/dev/zero", "is larger than 1 MB"),
        (tmp_path / "latin.yaml", "is not UTF-8 text"),
        (tmp_path / "utf16.yaml", "is not UTF-8 text"),
        (tmp_path / "absent.yaml", "cannot be read (No such file or directory)"),
        (tmp_path, "cannot be read (Is a directory)"),
    ):
        with pytest.raises(PosterityError) as told:
            read(Path(path))
        assert str(told.value).startswith(f"{path}: {reason}")


def test_a_pipe_can_be_read():
    """As in `posterity check <(…)`."""
    reading, writing = os.pipe()
    os.write(writing, b"a: 1")
    os.close(writing)
    assert read(Path(f"/dev/fd/{reading}")) == {"a": 1}
    os.close(reading)
