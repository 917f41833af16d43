"""The real recording as a dataset: three parts, or its median beat."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posterity.artifacts import signals, store
from posterity.datasets import ecg_real
from posterity.ecg import beats
from posterity.ecg.files import dicom
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS
from posterity.stages import prepare


@pytest.fixture(scope="module")
def source(fetched, declared):
    return declared["ecg-real"].path(fetched("ecg-real"))


def test_parts_follow_one_another_and_keep_the_recording(source):
    made = ecg_real.prepare(source, "records", 256)
    assert [item.id for item in made.items] == ["real0", "real1", "real2"]
    assert {item.split for item in made.items} == {"test"} and {item.subject for item in made.items} == {"real"}
    joined = np.concatenate([item.signal for item in made.items], axis=1)
    record = dicom.parse(source.read_bytes())
    for lead, row in zip(LEADS, joined, strict=True):
        fine = record.values[record.names.index(lead)]
        assert np.corrcoef(row, fine[: 10 * len(row) : 10])[0, 1] > 0.99
    peaks = beats.r_peaks(joined, 100)
    assert np.median(np.diff(peaks)) * 10 == pytest.approx(982, abs=10)


def test_its_beat_stands_as_those_of_generated_records(source):
    (beat,) = ecg_real.prepare(source, "beats", 70).items
    assert beat.signal.shape == (8, 70)
    assert abs(int(np.abs(np.gradient(beat.signal, axis=1)).sum(0).argmax()) - 28) <= 4


def test_the_stage_keeps_every_bit_and_outline_says_how_many(source, tmp_path):
    about = {"dataset": "ecg-real", "kind": "ecg_real", "select": "records", "size": 256}
    prepare.run(about, asset=source, output=tmp_path / "items.parquet")
    rows = store.read(tmp_path / "items.parquet", "items").to_pylist()
    made = ecg_real.prepare(source, "records", 256)
    for row, item in zip(rows, made.items, strict=True):
        assert torch.equal(signals.decode(row["signal"]), torch.from_numpy(item.signal))
    outline = ecg_real.outline("records")
    assert outline.most == len(rows) and outline.splits == ("test",) and outline.kind.name == "ecg"
    assert (tmp_path / "sheet.png").stat().st_size > 1000 and "MIT" in (tmp_path / "LICENSE.txt").read_text()
    assert [len(ecg_real.prepare(source, "records", 256, n).items) for n in (1, 2)] == [1, 2]


@pytest.mark.parametrize(
    ("select", "size", "said"),
    [
        ("all", 256, "select is 'all', expected one of records, beats"),
        ("beats", 64, "size is 64, but beats of the real ECG have 70 samples at 100 Hz"),
        ("records", 1024, "size is 1024, but records of the real ECG have 256 to 1000 samples at 100 Hz"),
    ],
)
def test_what_the_recording_does_not_have_is_refused(source, select, size, said):
    with pytest.raises(PosterityError, match=said):
        ecg_real.prepare(source, select, size)
