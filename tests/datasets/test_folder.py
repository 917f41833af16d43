"""A person's own pictures: their layout, labels, masks and split, and one line for each thing that is wrong."""

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from posterity.artifacts import images, signals, store
from posterity.artifacts.identity import identity
from posterity.configuration import ConfigurationError, resolve
from posterity.datasets import folder
from posterity.datasets.items import split
from posterity.errors import PosterityError
from posterity.stages import degrade, prepare

ROOT = Path(__file__).parents[2]


def picture(width=24, height=16, level=200, format="PNG", exif=None):
    """A picture whose left half is black."""
    levels = np.zeros((height, width, 3), np.uint8)
    levels[:, width // 2 :] = (level, 100, 50)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format=format, quality=95, **({"exif": exif} if exif else {}))
    return buffer.getvalue()


def mask(box, width=24, height=16):
    """White within (left, top, right, bottom)."""
    image = Image.new("L", (width, height))
    image.paste(255, box)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def own(path, **files):
    """Write {name: content}; names with folders are given as a mapping."""
    for name, content in files.get("files", {}).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def made(source, to, size=16):
    output = to / "made" / "items.parquet"
    prepare.run({"dataset": "mine", "kind": "folder", "size": size}, asset=source, output=output)
    rows = store.read(output, "items").to_pylist()
    return {r["item"]: r for r in rows}, store.read(output.with_name("regions.parquet"), "regions").to_pylist()


HOLIDAY = {
    "beach.jpg": picture(level=180, format="JPEG"),
    "first day/Boot.PNG": picture(level=30),
    "first day/café.png": picture(level=60),
    ".DS_Store": b"\0",
    "first day/._Boot.PNG": b"\0",
    "notes.txt": b"to be sorted",
    "labels.csv": "\ufeffitem;name;subject;attributes\r\nbeach.jpg;The beach;coast;sand sun sun\r\n;;;\r\n"
    "Boot;;coast;\r\ncafe\u0301;Café;;\r\n".encode(),
}


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_or_its_zip(packed, tmp_path, caplog):
    source = own(tmp_path / "holiday", files=HOLIDAY)
    if packed:
        source = tmp_path / "holiday.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, content in HOLIDAY.items():
                archive.writestr(f"holiday/{name}", content)
            archive.writestr("__MACOSX/holiday/._beach.jpg", b"\0")
    items, regions = made(source, tmp_path)
    assert list(items) == ["Boot", "beach", "café"] and regions == []
    beach, boot, cafe = items["beach"], items["Boot"], items["café"]
    assert (beach["name"], beach["attributes"], beach["group"]) == ("The beach", ["sand", "sun"], "picture")
    assert (boot["name"], boot["attributes"], cafe["name"]) == ("Boot", [], "Café")
    assert beach["subject"] == boot["subject"] == "coast" and cafe["subject"] == "café"
    assert beach["split"] == boot["split"]
    x = signals.decode(boot["signal"])
    # the middle 16 of 24 columns, so that the black half ends in the middle
    assert x.shape == (3, 16, 16) and (x[:, :, :7] < -0.9).all() and (x[1, :, 9:] > -0.3).all()
    said = [r.message for r in caplog.records]
    assert len(said) == 1 and "1 files are no pictures and are left out:" in said[0] and "notes.txt" in said[0]
    licence = (tmp_path / "made" / "LICENSE.txt").read_text()
    assert "belong to their owner" in licence and "16x16" in licence and str(tmp_path) not in licence


def test_outlines_agree_with_what_is_prepared(tmp_path):
    source = own(tmp_path / "holiday", files=HOLIDAY)
    known, (items, _) = folder.outline(source, None), made(source, tmp_path)
    assert known.most == sum(r["split"] == "test" for r in items.values())
    assert [one["split"] for one in known.labels] == [r["split"] for r in items.values()]
    assert known.described and known.own == ()
    (source / "labels.csv").unlink()
    assert not folder.outline(source, None).described


def test_pictures_are_upright_and_so_are_their_masks(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    files = {
        "a.jpg": picture(format="JPEG", exif=exif),
        "masks/a.png": mask((4, 0, 12, 8)),
        "b.png": picture(),
        "labels.csv": b"item,split\na,test\nb,prior\n",
    }
    source = own(tmp_path / "x", files=files)
    items, regions = made(source, tmp_path)
    assert (signals.decode(items["a"]["signal"])[:, :, 9:] < -0.8).all()  # the black half is on the right now
    ((item, name, stored),) = [(r["item"], r["region"], r["mask"]) for r in regions]
    inside = images.decode(stored)[0].numpy() > 0
    # columns 4 to 11 of 24 are 0 to 7 of the square
    assert (item, name, inside.sum()) == ("a", "mask", 64) and inside[:8, :8].all()
    assert folder.outline(source, None).own == ("mask",)
    task = {"name": "inpaint_own", "operator": "inpaint", "regions": ["mask"], "sigma_y": 0}
    output, at = tmp_path / "y.parquet", tmp_path / "made"
    settings = {"dataset": "mine", "task": task, "items": 1, "seed": 0}
    degrade.run(settings, items=at / "items.parquet", regions=at / "regions.parquet", output=output)
    (row,) = store.read(output, "measurements").to_pylist()
    y = np.array(row["y"]).reshape(row["y_shape"])
    assert (y[:, :8, :8] == 0).all() and (y[:, 8:, 8:] != 0).all()


def test_transparent_parts_of_a_mask_are_hidden(tmp_path):
    levels = np.zeros((16, 24, 4), np.uint8)
    levels[..., 3] = 255
    levels[:4, 4:20, 3] = 0
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    _, regions = made(own(tmp_path / "x", files={"a.png": picture(), "masks/a.png": buffer.getvalue()}), tmp_path)
    assert (images.decode(regions[0]["mask"])[0] > 0).sum() == 4 * 16


def test_the_split_is_by_subject_and_never_one_sided():
    """By hash where chance leaves something on both sides; other subjects do not change it."""
    ids = [f"picture {n}" for n in range(60)]
    free = folder._divided({id: folder.Labels(id) for id in ids})
    assert {id: one.split for id, one in free.items()} == {id: split(id) for id in ids}
    few = next(ids[n : n + 3] for n in range(57) if {split(id) for id in ids[n : n + 3]} == {"prior"})
    assert sorted(one.split for one in folder._divided({id: folder.Labels(id) for id in few}).values()) == [
        "prior", "prior", "test"
    ]  # fmt: skip
    assert folder._divided({few[0]: folder.Labels(few[0])})[few[0]].split == "test"
    labelled = {"a": folder.Labels("a", split="prior", subject="s"), "b": folder.Labels("b", subject="s")}
    assert [one.split for one in folder._divided(labelled).values()] == ["prior", "prior"]


A = {"a.png": picture()}


def table(text):
    return A | {"labels.csv": text if isinstance(text, bytes) else text.encode()}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, r"x holds no picture \(one ends in \.bmp, "),
        ({"IMG_1.HEIC": b"", "masks/a.png": mask((0, 0, 9, 9))}, "x holds no picture"),
        ({"a.png": b"not a picture"}, r"x: a\.png is not a readable image"),
        ({"a.png": picture()[:60]}, r"x: a\.png is not a readable image"),
        (A | {"b/a.jpg": picture(format="JPEG")}, r"has two pictures called a, a\.png and b/a\.jpg; rename one"),
        (A | {"masks/a.png": b""}, r"x: masks/a\.png is not a readable image"),
        (
            A | {"masks/a.png": mask((0, 0, 9, 9), 25, 16)},
            r"masks/a\.png has 25x16 pixels, a\.png has 24x16; a mask has the size of its picture",
        ),
        (A | {"masks/b.png": mask((0, 0, 9, 9))}, r"masks/b\.png is the mask of no picture \(none is called b\)"),
        (A | {"masks/a.png": mask((0, 0, 4, 16))}, "hides nothing of the square in the middle of a.png"),
        (A | {"masks/a.png": mask((4, 0, 20, 16))}, "hides all of the square"),
        (
            {
                **A,
                "b.png": picture(),
                "masks/a.png": mask((0, 0, 9, 9)),
                "labels.csv": b"item,split\na,test\nb,test\n",
            },
            r"b\.png is in the test split and has no mask masks/b\.png; give every picture of the test split one, or",
        ),
        (table("item,split\nb,test\n"), r"labels\.csv, line 2: item 'b' is no picture's name"),
        (table("item,split\na,train\n"), r"line 2: split is 'train', expected prior or test, or nothing"),
        (table("item,split\n\na,test\na.png,test\n"), r"line 4: item 'a\.png' has a line already"),
        (table("item,splti\na,test\n"), "has a column 'splti'; its first line names some of item, name, group"),
        (table("item,item\na,a\n"), "has a column 'item'; its first line names some of"),
        (table("name\na\n"), "has no column 'item'"),
        (table(""), "has no column 'item'"),
        (table("item,split\na\n"), "line 2: 1 cells, expected 2"),
        (table('item,name\na,"open\n'), r"labels\.csv, line 2: is no line of a table"),
        (table(b"item\n\xff\n"), "is not UTF-8"),
        (A | {"labels.csv": b"item\n", "more/Labels.csv": b"item\n"}, "has two tables of labels, labels.csv and more/"),
        (
            A | {"b.png": picture(), "labels.csv": b"item,split,subject\na,test,me\nb,prior,me\n"},
            "a and b show one subject, 'me', and are in two splits",
        ),
    ],
)
def test_what_cannot_be_prepared_is_told_in_one_line(files, told, tmp_path):
    source = own(tmp_path / "x", files=files)
    source.mkdir(exist_ok=True)
    with pytest.raises(PosterityError, match=told) as caught:
        made(source, tmp_path)
    assert "\n" not in str(caught.value) and not (tmp_path / "made").exists()


def test_settings_that_a_folder_does_not_have(tmp_path):
    source = own(tmp_path / "x", files=A)
    for settings in ({"select": "all"}, {"count": 3}):
        with pytest.raises(PosterityError, match="but a folder of pictures is prepared whole; leave it out"):
            prepare.run(
                {"dataset": "own", "kind": "folder", "size": 16, **settings},
                asset=source,
                output=tmp_path / "items.parquet",
            )
    with pytest.raises(PosterityError, match=r"nowhere does not exist$"):
        prepare.run(
            {"dataset": "own", "kind": "folder", "size": 16},
            asset=tmp_path / "nowhere",
            output=tmp_path / "items.parquet",
        )
    one = own(tmp_path, files={"one.png": picture(), "cut.zip": b"PK\3\4 and no more"})
    for name in ("one.png", "cut.zip"):
        with pytest.raises(PosterityError, match=f"{name} is neither a folder of pictures nor a whole zip or tar"):
            prepare.run(
                {"dataset": "own", "kind": "folder", "size": 16}, asset=one / name, output=tmp_path / "items.parquet"
            )


def test_a_folder_is_known_by_what_its_files_hold(tmp_path):
    """A change that leaves name, size and time is seen; a visit of a file manager is none."""
    source = own(tmp_path / "x", files={"a.png": b"as it was.", "b/c.png": b""})
    before = identity(source)
    own(source, files={".DS_Store": b"1", "b/.thumbs/c.png": b"2"})
    assert identity(source) == before
    os.utime(source / "a.png", (1e9, 1e9))
    assert identity(source) == before
    (source / "a.png").write_bytes(b"as it is !")
    os.utime(source / "a.png", (1e9, 1e9))
    assert identity(source) != before
    (source / "a.png").write_bytes(b"as it was.")
    assert identity(source) == before
    (source / "a.png").rename(source / "d.png")
    assert identity(source) != before


def lines(tmp_path, dataset, **run):
    """The mistakes of the shipped configuration with this dataset and an experiment on it."""
    over = {"dataset": "mine", "tasks": ["inpaint_box"], "prior": "kernel", "samplers": ["ddnm"], "items": 1}
    config = {"experiments": ["mine"], "datasets": {"mine": dataset}, "items": 1}
    at = tmp_path / "config"
    if not at.exists():
        shutil.copytree(ROOT / "config", at)
    (at / "experiments" / "mine.yaml").write_text(yaml.safe_dump({"title": "Mine", "runs": [over | run]}))
    try:
        resolve(config, at, ROOT / "resources" / "assets.yaml")
    except ConfigurationError as error:
        return [line.removeprefix("config: ") for line in error.lines]
    return []


def test_check_knows_the_folder(tmp_path):
    source = own(tmp_path / "x", files=A | {"b.png": picture(), "labels.csv": b"item,split\na,test\nb,prior\n"})
    mine = {"kind": "folder", "size": 16, "path": str(source)}
    assert lines(tmp_path, mine) == []
    assert lines(tmp_path, {"kind": "folder", "size": 16}) == ["datasets.mine: 'path' is missing"]
    assert lines(tmp_path, mine | {"asset": "openmoji"})[0].startswith(
        "datasets.mine.asset = 'openmoji': a dataset of kind"
    )
    assert lines(tmp_path, mine | {"select": "all"}) == [
        "datasets.mine: select is 'all', but a folder of pictures is prepared whole; leave it out"
    ]
    assert lines(tmp_path, mine, items=2) == [
        "experiments.mine.runs[0].items = 2: dataset 'mine' has 1 test items at most"
    ]
    (said,) = lines(tmp_path, mine, tasks=["inpaint_own"])
    assert "there is no mask for region 'mask'" in said
    own(source, files={"masks/a.png": mask((0, 0, 9, 9))})  # what check says follows the folder
    assert lines(tmp_path, mine, tasks=["inpaint_own"]) == []
    (source / "b.png").unlink()
    (said,) = lines(tmp_path, mine)
    assert said.startswith("datasets.mine: ") and said.endswith("line 3: item 'b' is no picture's name")
    assert lines(tmp_path, {"kind": "openmoji", "select": "people", "size": 64}) == [
        "datasets.mine: 'asset' is missing"
    ]
