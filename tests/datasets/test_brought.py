"""Data sets that people bring, on miniatures with the layout of the published files."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from posterity.artifacts import images, signals, store
from posterity.datasets.items import shuffled
from posterity.datasets.pictures import published
from posterity.errors import PosterityError
from posterity.stages import degrade, prepare


def picture(width, height, number, format="PNG"):
    """A picture whose colour says its number and whose left half is black."""
    levels = np.zeros((height, width, 3), np.uint8)
    levels[:, width // 2 :] = (10 * number % 256, 200, 100)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format=format, quality=95, lossless=True)
    return buffer.getvalue()


def labels(level, palette=False):
    buffer = io.BytesIO()
    image = Image.fromarray(level.astype(np.uint8))
    if palette:
        image = image.convert("P")
        image.putdata(level.flatten().tolist())
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def unpacked(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def made(source, folder, **settings):
    """(rows of the items by id, rows of the regions) of a prepared data set."""
    output = folder / "made" / "items.parquet"
    prepare.run({"dataset": "mini", "select": "all", "size": 16, **settings}, asset=source, output=output)
    found = store.read(output, "items").to_pylist()
    assert all(r["split"] == "test" and r["dataset"] == "mini" and r["name"] and r["group"] for r in found)
    assert output.with_name("sheet.png").exists() and len(output.with_name("LICENSE.txt").read_text()) > 200
    return {r["item"]: r for r in found}, store.read(output.with_name("regions.parquet"), "regions").to_pylist()


def levels(row):
    return ((signals.decode(row["signal"]) + 1) * 127.5).round().int().permute(1, 2, 0).numpy()


ATTRIBUTES = "CelebAMask-HQ/CelebAMask-HQ-attribute-anno.txt"
FACES = {
    "CelebAMask-HQ/CelebA-HQ-img/7.jpg": picture(40, 40, 7, "JPEG"),
    "CelebAMask-HQ/CelebA-HQ-img/29883.jpg": picture(40, 40, 8, "JPEG"),
    "CelebAMask-HQ/CelebAMask-HQ-mask-anno/0/00007_hair.png": picture(8, 8, 1),
    ATTRIBUTES: (b"2\n5_o_Clock_Shadow Smiling Young\n7.jpg  1 -1  1\n29883.jpg -1 1 -1\n"),
}


@pytest.mark.parametrize("pack", [zipped, unpacked])
def test_celebamask(pack, tmp_path):
    items, regions = made(pack(tmp_path / "CelebAMask-HQ.zip", FACES), tmp_path, kind="celebamask")
    assert list(items) == ["00007", "29883"]
    assert items["00007"]["attributes"] == ["5-o-clock-shadow", "young"]
    assert items["29883"]["attributes"] == ["smiling"]
    right = levels(items["00007"])[:, 9:]
    assert right.shape == (16, 7, 3) and np.abs(right - (70, 200, 100)).max() < 8
    assert {r["region"] for r in regions} == {"eyes_large", "eyes_small", "mouth_large", "mouth_small"}
    assert all(r["item"] is None for r in regions)


def test_faces_lie_where_the_boxes_of_aligned_faces_are():
    """The rule by which CelebA-HQ and FFHQ were cropped (Karras et al. 2018, App. C), for faces of many shapes.

    The crop is centred 0.1 of the way from the eyes to the mouth below the eyes, and as half its side it has the
    larger of 2 times the distance of the eyes and 1.8 times the distance from eyes to mouth.
    """
    from posterity.datasets.regions import faces

    masks = faces(256)
    for ratio in np.linspace(0.8, 1.5, 15):
        between, down = 1.0, ratio
        scale = 128 / max(2.0 * between, 1.8 * down)
        row = 128 - 0.1 * down * scale
        for column in (128 - between * scale / 2, 128 + between * scale / 2):
            assert masks["eyes_large"][round(row), round(column)] and masks["eyes_small"][round(row), round(column)]
        mouth = round(row + down * scale)
        assert masks["mouth_large"][mouth, 128] and masks["mouth_small"][mouth, 128]
        assert not masks["mouth_large"][round(row)].any() and not masks["eyes_large"][mouth].any()


def parts(top, left, bottom, right, shape=(40, 60)):
    """Labels of PartImageNet: 40 is background; two parts with a gap between them."""
    level = np.full(shape, 40)
    level[top:bottom, left : left + 2] = 3
    level[top:bottom, right - 2 : right] = 17
    return level


OBJECTS = {
    "PartImageNet/images/test/n01440764_10.JPEG": picture(60, 40, 1, "JPEG"),
    "PartImageNet/annotations/test/n01440764_10.png": labels(parts(10, 20, 30, 40)),
    "PartImageNet/images/test/n02_2.JPEG": picture(60, 40, 2, "JPEG"),
    "PartImageNet/annotations/test/n02_2.png": labels(parts(12, 20, 36, 46), palette=True),
    # most of the picture, nothing of the crop, and no part at all
    "PartImageNet/images/test/n03_3.JPEG": picture(60, 40, 3, "JPEG"),
    "PartImageNet/annotations/test/n03_3.png": labels(parts(0, 10, 40, 50)),
    "PartImageNet/images/test/n03_4.JPEG": picture(60, 40, 3, "JPEG"),
    "PartImageNet/annotations/test/n03_4.png": labels(parts(0, 0, 40, 5)),
    "PartImageNet/images/test/n03_5.JPEG": picture(60, 40, 3, "JPEG"),
    "PartImageNet/annotations/test/n03_5.png": labels(np.full((40, 60), 40)),
    "PartImageNet/images/train/n01440764_11.JPEG": picture(60, 40, 4, "JPEG"),
    "PartImageNet/annotations/train/n01440764_11.png": labels(parts(10, 20, 30, 40)),
    "PartImageNet/annotations/test_whole/n01440764_10.png": labels(np.full((40, 60), 158)),
    "PartImageNet/annotations/test/test.json": b"{}",
}


def test_partimagenet(tmp_path):
    source = zipped(tmp_path / "PartImageNet_Seg.zip", OBJECTS)
    items, regions = made(source, tmp_path, kind="partimagenet", select="test", size=40)
    assert list(items) == ["n01440764_10", "n02_2"] == [r["item"] for r in regions]
    assert items["n01440764_10"]["attributes"] == ["n01440764"]
    # columns 10 to 49 of 60 are what is left of a picture
    inside = images.decode(regions[0]["mask"])[0].numpy() > 0
    assert inside[10:30, 10:12].all() and inside[10:30, 28:30].all() and inside.sum() == 80
    output = tmp_path / "y.parquet"
    task = {"name": "inpaint_object", "operator": "inpaint", "objects": ["parts"], "sigma_y": 0}
    settings = {"dataset": "mini", "task": task, "items": 2, "seed": 0}
    folder = tmp_path / "made"
    degrade.run(settings, items=folder / "items.parquet", regions=folder / "regions.parquet", output=output)
    hidden = {}
    for row in store.read(output, "measurements").to_pylist():
        y = np.array(row["y"]).reshape(row["y_shape"])
        hidden[row["item"]] = (y == 0).all(0).nonzero()
    assert {k: (r.min(), r.max(), c.min(), c.max(), len(r)) for k, (r, c) in hidden.items()} == {
        "n01440764_10": (10, 29, 10, 29, 400), "n02_2": (12, 35, 10, 35, 624),
    }  # fmt: skip
    few, _ = made(source, tmp_path, kind="partimagenet", select="test", size=40, count=1)
    assert list(few) == shuffled(["n01440764_10", "n02_2"])[:1]
    with pytest.raises(PosterityError, match="select is 'all', expected one of train, val, test"):
        made(source, tmp_path, kind="partimagenet")
    lacking = {name: content for name, content in OBJECTS.items() if not name.endswith("test/n02_2.png")}
    with pytest.raises(PosterityError, match=r"n02_2\.JPEG has no annotations/test/n02_2\.png"):
        made(zipped(tmp_path / "lacking.zip", lacking), tmp_path, kind="partimagenet", select="test")


@pytest.mark.parametrize(
    "names",
    [("images1024x1024/00000/00003.png", "images1024x1024/69000/69999.png"), ("00003.png", "69999.png"),
     ("00000/img00000003.png", "00069/img00069999.png")],
)  # fmt: skip
def test_ffhq(names, tmp_path):
    files = {name: picture(32, 32, i) for i, name in enumerate(names)} | {"dataset.json": b"{}", "LICENSE.txt": b""}
    items, regions = made(zipped(tmp_path / "images1024x1024.zip", files), tmp_path, kind="ffhq")
    assert list(items) == ["00003", "69999"] and len(regions) == 4
    assert (levels(items["69999"])[:, 12] == (10, 200, 100)).all()


def test_imagenet(tmp_path):
    names = [f"ILSVRC2012_val_0000000{i}.JPEG" for i in (1, 2)]
    flat = tarred(tmp_path / "ILSVRC2012_img_val.tar", {n: picture(30, 20, i, "JPEG") for i, n in enumerate(names)})
    items, regions = made(flat, tmp_path, kind="imagenet")
    assert list(items) == ["00000001", "00000002"] and regions == [] and items["00000001"]["attributes"] == []
    # the middle of the width, so that the black half ends in the middle
    assert levels(items["00000002"])[:, :7].max() < 12 and levels(items["00000002"])[:, 9:, 1].min() > 190
    sorted_ = {f"val/n0144076{i}/{n}": picture(30, 20, i, "JPEG") for i, n in enumerate(names)}
    items, _ = made(unpacked(tmp_path / "val", sorted_), tmp_path, kind="imagenet", count=1)
    assert list(items) == shuffled(["00000001", "00000002"])[:1]
    assert next(iter(items.values()))["attributes"][0].startswith("n0144076")


def test_classes_of_imagenet_have_their_numbers_where_all_have_folders(tmp_path, monkeypatch):
    """The number is the rank among all folders, also of a class whose photographs are not chosen."""
    names = [f"ILSVRC2012_val_0000000{i}.JPEG" for i in (1, 2)]
    files = {f"val/n0144076{3 - i}/{n}": picture(30, 20, i, "JPEG") for i, n in enumerate(names)}
    source = unpacked(tmp_path / "val", files)
    items, _ = made(source, tmp_path, kind="imagenet")
    assert items["00000001"]["attributes"] == ["n01440763"], "two folders are not all classes"
    monkeypatch.setattr("posterity.datasets.imagenet._CLASSES", 2)
    items, _ = made(source, tmp_path, kind="imagenet")
    found = {item: row["attributes"] for item, row in items.items()}
    assert found == {"00000001": ["n01440763", "class 1"], "00000002": ["n01440762", "class 0"]}


KEYS = ["ab" * 20, "cd" * 20]


def test_lsun_as_exported(tmp_path):
    files = {f"{'/'.join(key[:6])}/{key}.webp": picture(24, 16, i, "WEBP") for i, key in enumerate(KEYS)}
    items, _ = made(unpacked(tmp_path / "exported", files), tmp_path, kind="lsun", select="cat")
    assert list(items) == KEYS and items[KEYS[0]]["attributes"] == ["cat"]


def test_lsun_as_published(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    folder = tmp_path / "church_outdoor_val_lmdb"
    with lmdb.open(str(folder)) as base, base.begin(write=True) as view:
        for i, key in enumerate(KEYS):
            view.put(key.encode(), picture(24, 16, i, "WEBP"))
    files = {f"{folder.name}/{path.name}": path.read_bytes() for path in folder.iterdir()}
    for source in (folder, zipped(tmp_path / "church_outdoor_val_lmdb.zip", files)):
        items, _ = made(source, tmp_path, kind="lsun", select="church")
        assert list(items) == KEYS and (levels(items[KEYS[1]])[:, 12] == (10, 200, 100)).all()
    assert not list(tmp_path.glob(".lsun-*"))
    (folder / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(PosterityError, match=r"data\.mdb is not a whole LMDB"):
        made(folder, tmp_path, kind="lsun", select="church")


def test_published_lists():
    """Their ids, 200 each; the list of FFHQ has a published digest."""
    import hashlib

    lists = published()
    assert {k: len(set(v["flash"])) for k, v in lists.items()} == {"ffhq": 200, "celebamask": 200, "bedroom": 200}
    digest = hashlib.sha256("\n".join(lists["ffhq"]["flash"]).encode()).hexdigest()
    assert digest == "3224f3e1560777bfa19e7cda75b99313d8c9e4e55c68c91b8f353eae41d9f772"


def test_a_published_list_is_prepared_whole_or_not_at_all(tmp_path):
    ids = published()["ffhq"]["flash"]
    files = {f"{id}.png": picture(8, 8, 1) for id in [*ids, "00000"]}
    source = zipped(tmp_path / "ffhq.zip", files)
    items, _ = made(source, tmp_path, kind="ffhq", select="flash", size=8)
    assert list(items) == sorted(ids)
    del files["64290.png"]
    with pytest.raises(PosterityError, match="ffhq: 1 of the 200 items of 'flash' are not there: 64290"):
        made(zipped(source, files), tmp_path, kind="ffhq", select="flash", size=8)


@pytest.mark.parametrize(
    ("kind", "files", "told"),
    [
        ("celebamask", {"a.jpg": b""}, "holds no file like CelebA-HQ-img/"),
        ("celebamask", {"CelebA-HQ-img/1.jpg": b"x"}, "has no CelebAMask-HQ-attribute-anno.txt"),
        (
            "celebamask",
            FACES | {ATTRIBUTES: b"1\nSmiling\n7.jpg 1\n\xff 1\n"},
            "is not the name of a picture, like 0.jpg",
        ),
        ("celebamask", FACES | {ATTRIBUTES: b"1\nSmiling Young\n\n7.jpg 1\n"}, "7.jpg has 1 attributes of 2"),
        ("ffhq", {"00001.png": b"not a picture"}, "00001.png is not a readable image"),
        ("ffhq", {"a/00001.png": b"", "thumbnails128x128/00001.png": b""}, "has 00001 twice, as a/00001.png and as"),
        ("imagenet", {"val/1.JPEG": b""}, "holds no file like ILSVRC2012_val_"),
        ("lsun", {"x.webp": b""}, "select is 'all', expected one of bedroom, church, cat"),
    ],
)
def test_what_is_not_the_published_layout_is_refused(kind, files, told, tmp_path):
    with pytest.raises(PosterityError, match=told):
        made(zipped(tmp_path / "x.zip", files), tmp_path, kind=kind)
    assert not (tmp_path / "made").exists()


def test_labels_of_another_size_than_the_upright_photograph_are_left_out(tmp_path, caplog):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, format="JPEG", exif=exif)
    files = OBJECTS | {"PartImageNet/images/test/n02_2.JPEG": buffer.getvalue()}
    source = zipped(tmp_path / "PartImageNet_Seg.zip", files)
    items, _ = made(source, tmp_path, kind="partimagenet", select="test", size=40)
    assert list(items) == ["n01440764_10"]
    assert "n02_2.JPEG is left out: it is 40x60 upright, its labels are 60x40" in caplog.text


def test_photographs_are_prepared_as_people_see_them(tmp_path):
    """16 bits of grey, transparency and orientation on the way to a data set's items."""
    ramp = np.linspace(0, 65535, 16).round().astype(np.uint16)[None].repeat(16, 0)
    hidden = np.dstack([np.full((16, 16, 3), 7, np.uint8), np.zeros((16, 16), np.uint8)])
    exif = Image.Exif()
    exif[0x0112] = 3
    files = {}
    for number, image, options in (
        (1, Image.fromarray(ramp), {}),
        (2, Image.fromarray(hidden), {}),
        (3, Image.fromarray((ramp[..., None] >> 8).astype(np.uint8).repeat(3, 2)), {"exif": exif}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", **options)
        files[f"0000{number}.png"] = buffer.getvalue()
    items, _ = made(zipped(tmp_path / "ffhq.zip", files), tmp_path, kind="ffhq")
    assert (levels(items["00001"])[3, :, 0] == np.linspace(0, 255, 16).round()).all()
    assert (levels(items["00002"]) == 255).all()
    assert (levels(items["00003"])[3, :, 0] == (ramp[0] >> 8)[::-1]).all()


def test_archives_that_end_early_are_refused(tmp_path):
    whole = tarred(tmp_path / "whole.tar", {"ILSVRC2012_val_00000001.JPEG": picture(300, 300, 1, "JPEG")})
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(PosterityError, match=r"cut\.tar is not a whole archive"):
        made(cut, tmp_path, kind="imagenet")


def test_a_fixed_choice_does_not_depend_on_where_files_lie(tmp_path):
    names = [f"{i:05d}" for i in range(30)]
    one = zipped(tmp_path / "one.zip", {f"{n}.png": picture(8, 8, 1) for n in names})
    two = unpacked(tmp_path / "two", {f"x/{n}.png": picture(8, 8, 1) for n in reversed(names)})
    chosen = [list(made(source, tmp_path, kind="ffhq", size=8, count=7)[0]) for source in (one, two)]
    assert chosen[0] == chosen[1] == sorted(shuffled(names)[:7])
    about = store.provenance(tmp_path / "made" / "items.parquet")["origin"]
    assert json.dumps(about["settings"])
