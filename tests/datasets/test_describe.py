"""What emoji sequences say about portraits, and the other small rules."""

import numpy as np
import pytest

from posterity.datasets import regions
from posterity.datasets.items import DataSet, Item, alternate_split, split
from posterity.datasets.people import describe
from posterity.datasets.sheet import sheet


@pytest.mark.parametrize(
    ("code", "name", "subject", "group", "attributes"),
    [
        ("1F469-1F3FD-200D-1F692", "woman: firefighter, medium skin", "firefighter", "medium",
         "woman firefighter hat medium-skin"),
        ("1F46E-1F3FF-200D-2642-FE0F", "man: police officer, dark skin", "police officer", "dark",
         "man hat uniform dark-skin"),
        ("1F9D1-200D-1F9B0", "person: red hair", "red hair", "yellow", "adult red-hair"),
        ("1F476", "baby", "baby", "yellow", "baby"),
        ("1F9DF-200D-2640-FE0F", "woman: zombie", "zombie", "other", "woman fantasy"),
    ],
)  # fmt: skip
def test_portraits(code, name, subject, group, attributes):
    who = describe(code)
    assert who is not None
    assert (who.name, who.subject, who.group, who.attributes) == (name, subject, group, tuple(attributes.split()))


@pytest.mark.parametrize(
    "code",
    [
        "1F600",
        "1F468-200D-1F469-200D-1F467",  # a family
        "1F469-1F3FD-200D-1F9AF",  # with a white cane: the whole body
        "1F9D1-1F3FB-200D-1F91D-200D-1F9D1-1F3FF",  # two people
        "1F6B6-1F3FD",  # walking
        "E28A",
    ],
)
def test_what_is_not_a_portrait(code):
    assert describe(code) is None


def test_splits_depend_on_the_subject_alone():
    ids = [f"{i:X}" for i in range(2000)]
    share = sum(split(i) == "test" for i in ids) / len(ids)
    assert abs(share - 0.2) < 3 * (0.16 / 2000) ** 0.5
    half = alternate_split(ids[:21])
    assert sorted(half.values()).count("test") == 11 and alternate_split(ids[20::-1]) == half


@pytest.mark.parametrize("size", [32, 64, 128])
def test_regions_keep_their_place_at_any_size(size):
    masks = regions.smileys(size)
    rows, columns = np.nonzero(masks["mouth"])
    scale = size / 64
    assert (rows.min(), rows.max() + 1) == (34 * scale, round(53 * scale))
    assert (columns.min(), columns.max() + 1) == (14 * scale, 50 * scale)


def test_the_sheet_shows_every_item_as_it_is():
    import io

    from PIL import Image

    rng = np.random.default_rng(0)
    items = [Item(f"{k}", f"a very long name of item {k} indeed", "g", "prior", ["a"],
                  rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for k in range(7)]  # fmt: skip
    page = np.array(Image.open(io.BytesIO(sheet(DataSet(items, "CC0-1.0")))))
    windows = np.lib.stride_tricks.sliding_window_view(page, (64, 64, 3))[..., 0, :, :, :]
    for item in items:
        corner = np.argwhere((page == item.signal[0, 0]).all(-1))
        assert any(
            r < len(windows) and c < windows.shape[1] and (windows[r, c] == item.signal).all() for r, c in corner
        )
