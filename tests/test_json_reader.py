"""JSON from outside: what is read, and that everything else is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posterity import json_reader
from posterity.json_reader import MOST_DEPTH, Unreadable, parse, read


def test_values_are_those_of_json(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, -1e-300, True, None, "ü\n"], "b": {"c": {}, "d": [[]]}}
    for content in (json.dumps(value), json.dumps(value).encode(), b"\xef\xbb\xbf" + json.dumps(value).encode()):
        assert parse(content, "x") == value
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert read(tmp_path / "a.json") == value


def test_depth_up_to_the_bound() -> None:
    parse("[" * MOST_DEPTH + "]" * MOST_DEPTH, "x")
    with pytest.raises(Unreadable, match=f"^x holds lists and objects more than {MOST_DEPTH} deep$"):
        parse("[" * (MOST_DEPTH + 1) + "1" + "]" * (MOST_DEPTH + 1), "x")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[" * 10**5 + "]" * 10**5, "holds lists and objects more than 40 deep"),
        ('{"a":' * 10**5 + "1" + "}" * 10**5, "holds lists and objects more than 40 deep"),
        ("[" * 500 + "1" + "]" * 500, "holds lists and objects more than 40 deep"),
        ("[" * 10**5, "holds lists and objects more than 40 deep"),
        ("", "is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("{", "is not JSON (Expecting property name"),
        (b"\xff\xfe{\0}\0", "is not JSON (it is not UTF-8 text)"),
        ('{"a": 1, "b": 2, "a": 3}', "is not JSON (key 'a' is given twice)"),
        ('[{"a": {"b": 1, "b": 1}}]', "is not JSON (key 'b' is given twice)"),
        ("[NaN]", "is not JSON (NaN is not a finite number)"),
        ("-Infinity", "is not JSON (-Infinity is not a finite number)"),
        ('{"a": 1e999}', "is not JSON (1e999 is not a finite number)"),
        ("9" * 5000, "is not JSON (Exceeds the limit"),
    ],
)
def test_what_is_not_read_is_told_in_one_line(content: str | bytes, told: str) -> None:
    with pytest.raises(Unreadable) as error:
        parse(content, "folder/a.json")
    assert str(error.value).startswith(f"folder/a.json {told}") and "\n" not in str(error.value)
    assert f"folder/a.json {error.value.reason}" == str(error.value)


def test_files_that_are_too_large_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("[1, 2]")
    with pytest.raises(Unreadable, match=r"b\.json cannot be read \(No such file or directory\)$"):
        read(tmp_path / "b.json")
    with pytest.raises(Unreadable, match=r"cannot be read \(Is a directory\)$"):
        read(tmp_path)
    monkeypatch.setattr(json_reader, "MOST_BYTES", 5)
    with pytest.raises(Unreadable, match=r"a\.json is larger than 0 MiB"):
        read(tmp_path / "a.json")
