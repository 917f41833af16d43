"""Kinds of signals, and the one pair of functions through which they go to disk."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from posterity import signals
from posterity.artifacts import signals as stored
from posterity.artifacts import store
from posterity.errors import PosterityError


def ecg(seed=0, time=70):
    return torch.randn(8, time, generator=torch.Generator().manual_seed(seed)) * 2


def written(tmp_path, rows):
    store.write(tmp_path / "items.parquet", "items", rows, {})
    return store.read(tmp_path / "items.parquet", "items").to_pylist()


def test_an_ecg_comes_back_to_the_last_bit(tmp_path):
    x, kind = ecg(), signals.find("ecg", 100.0)
    x[0, 0], x[1, 1], x[2, 2] = 3.96, -1e-7, torch.finfo(torch.float32).smallest_normal
    (row,) = written(tmp_path, [{"item": "a", "signal": stored.encode(x, kind)}])
    assert torch.equal(stored.decode(row["signal"]), x)
    assert stored.kind_of(row["signal"]) == kind
    assert row["signal"]["unit"] == "mV" and row["signal"]["shape"] == [8, 70] and row["signal"]["bytes"] is None


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_a_png_that_any_viewer_opens(tmp_path, channels):
    levels = torch.randint(0, 256, (channels, 5, 7), generator=torch.Generator().manual_seed(1))
    x = levels / 127.5 - 1
    (row,) = written(tmp_path, [{"item": "a", "signal": stored.encode(x, signals.find("image"))}])
    seen = np.array(Image.open(io.BytesIO(row["signal"]["bytes"])))
    assert np.array_equal(seen if channels == 3 else seen[..., None], levels.permute(1, 2, 0).numpy())
    assert torch.allclose(stored.decode(row["signal"]), x, atol=1e-6)
    assert stored.png(row["signal"]) == row["signal"]["bytes"] and row["signal"]["values"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [8, 71]}, "560 values for an ECG of shape"),
        ({"values": None}, "no values for an ECG of shape"),
        ({"shape": [70, 8]}, "560 values for an ECG of shape"),
        ({"kind": "eeg"}, "signal kind 'eeg' does not exist; choose one of ecg, image"),
    ],
)
def test_a_damaged_signal_is_one_line(change, said):
    with pytest.raises(PosterityError, match=said) as raised:
        stored.decode(stored.encode(ecg(), signals.find("ecg", 100.0)) | change, "item 7")
    assert "\n" not in str(raised.value)


def test_an_absent_signal_is_named():
    with pytest.raises(PosterityError, match="the truth of a is absent"):
        stored.decode(None, "the truth of a")


@pytest.mark.parametrize(
    ("x", "kind", "said"),
    [
        (torch.zeros(3, 70), "ecg", "a signal of shape .* is not an ECG"),
        (torch.zeros(8, 70), "image", "a signal of shape .* is not an image"),
        (torch.zeros(2, 4, 4), "image", "a signal of shape .* is not an image"),
        (torch.full((8, 4), float("nan")), "ecg", "an ECG holds a value that is not finite"),
    ],
)
def test_what_is_no_signal_of_its_kind_is_refused(x, kind, said):
    with pytest.raises(PosterityError, match=said):
        stored.encode(x, signals.find(kind))


def test_a_trace_stands_where_its_lead_is():
    """A pulse in V1 alone draws ink in the third strip and leaves the others flat."""
    x = torch.zeros(8, 200)
    x[2, 90:110] = 0.9
    picture = signals.find("ecg", 100.0).picture(x)
    flat = signals.find("ecg", 100.0).picture(torch.zeros(8, 200))
    assert picture.dtype == np.uint8 and picture.shape == flat.shape and picture.shape[2] == 3
    rows = np.flatnonzero((picture != flat).any((1, 2)))
    assert rows.min() >= 48 and rows.max() < 72
