"""The asset list and where its files lie."""

import json
from dataclasses import asdict

import pytest

from posterity import assets
from posterity.errors import PosterityError

GOOD = {
    "version": "1", "file": "a.bin", "sources": ["https://example.org/a.bin"], "sha256": "0" * 64, "size": 3,
    "license": "MIT", "attribution": "someone",
}  # fmt: skip


def test_the_list_of_the_repository_is_valid(declared):
    assert {"openmoji", "photos", "vgg16", "niqe"} <= set(declared)
    for name, asset in declared.items():
        entry = json.loads(json.dumps(asdict(asset)))  # as a job's settings carry it
        assert assets.parse({name: entry})[name] == asset


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "abc"}, "sha256 is 'abc'"),
        ({"size": 0}, "size is 0"),
        ({"size": True}, "size is True"),
        ({"file": "../a"}, "file is '../a'"),
        ({"version": 1.0}, "version is 1.0"),
        ({"sources": []}, "sources is []"),
        ({"sources": ["ftp://x"]}, "source 'ftp://x' is none of"),
        ({"sources": ["hf:owner/file@rev"]}, "is none of"),
        ({"sources": ["p==1#m"]}, "archives has no SHA-256 for 'p==1'"),
        ({"archives": {"p==1": "x"}}, "expected package==version: SHA-256"),
        ({"convert": "eval"}, "convert is 'eval', expected one of vgg16, niqe"),
        ({"colour": "red"}, "colour is not a key"),
        ({"by_hand": "https://example.org/a"}, "but an asset with by_hand has none"),
    ],
)
def test_each_mistake_is_told(change, told):
    with pytest.raises(PosterityError, match=r"^assets: x: ") as error:
        assets.parse({"x": GOOD | change})
    assert told in str(error.value) and "\n" not in str(error.value)


def test_what_people_bring_by_hand_needs_neither_source_nor_digest():
    known = {k: v for k, v in GOOD.items() if k not in ("sources", "sha256", "size")}
    entry = known | {"by_hand": "https://example.org/a"}
    asset = assets.parse({"x": entry})["x"]
    assert assets.parse({"x": json.loads(json.dumps(asdict(asset)))})["x"] == asset
    with pytest.raises(PosterityError, match="by_hand is 'my desk'"):
        assets.parse({"x": known | {"by_hand": "my desk"}})


def test_all_mistakes_are_told_together():
    missing = {k: v for k, v in GOOD.items() if k != "license"}
    with pytest.raises(PosterityError) as error:
        assets.parse({"x": GOOD | {"size": -1, "convert": "y"}, "good": GOOD, "z": missing, "w": 3})
    lines = str(error.value).split("\n")
    assert len(lines) == 4 and "z: license is missing" in lines[2]


def test_unreadable_lists(tmp_path):
    with pytest.raises(PosterityError, match=r"none.yaml: cannot be read"):
        assets.load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(PosterityError, match=r"bad.yaml: line 2, column 1: "):
        assets.load(tmp_path / "bad.yaml")
    (tmp_path / "twice.yaml").write_text("a: {version: 1, version: 2}")
    with pytest.raises(PosterityError, match=r"twice.yaml: line 1, column 17: key 'version' is given twice"):
        assets.load(tmp_path / "twice.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: caf\xe9".encode("latin-1"))
    with pytest.raises(PosterityError, match=r"latin.yaml: is not UTF-8 text"):
        assets.load(tmp_path / "latin.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(PosterityError, match="holds a list"):
        assets.load(tmp_path / "list.yaml")


@pytest.mark.parametrize("name", ["vgg16", "niqe", "anycost"])
def test_absent_files_name_the_command(tmp_path, name):
    with pytest.raises(PosterityError, match=f"run `posterity fetch {name}`"):
        getattr(assets, name)(tmp_path)
