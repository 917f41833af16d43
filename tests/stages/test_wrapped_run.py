"""A job with a wrapped sampler: its rows name the wrappers, and its samples do not depend on the batch."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
import sampling_job

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.stages import measure, sample
from posterity.tables.frames import Frames

ITEMS = ("a", "b", "c")
WRAP = [{"diversity": {"eta": 0.9}}, {"coupled_noise": {"group": 2}}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sampling_job.inputs(tmp_path_factory.mktemp("wrapped"), ITEMS, 16)


def drawn(folder, name, wrap, batch=128):
    asked = sampling_job.settings(steps=5, samples=4)
    asked["sampler"] |= {"name": name, "wrap": wrap}
    given = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS}
    out = folder / f"{name}-{batch}.parquet"
    sample.run(asked, **given, output=out, batch=batch)
    return out


def pictures(path):
    return [signals.png(s) for s in store.read(path, "samples")["signal"].to_pylist()]


def test_rows_say_by_what_they_were_drawn_and_find_their_partner(folder):
    plain, wrapped = drawn(folder, "plain", []), drawn(folder, "any_name", WRAP)
    for path, wrappers in ((plain, ""), (wrapped, "diversity,coupled_noise")):
        rows = store.read(path, "samples")
        assert set(zip(rows["method"].to_pylist(), rows["wrappers"].to_pylist(), strict=True)) == {("ddnm", wrappers)}
    assert pictures(plain) != pictures(wrapped)
    ((alone, around),) = Frames([plain, wrapped], "a test").pairs()
    assert (alone.key["sampler"], around.key["sampler"]) == ("plain", "any_name")
    out = folder / "metrics.parquet"
    given = {"measurements": folder / "measurements.parquet", "assets": folder}
    none = dict.fromkeys(("subsets", "posterior", "reference"))
    measure.run({"count": 4, "metrics": ["psnr"]}, samples=wrapped, output=out, **given, **none)
    assert pc.unique(store.read(out, "metrics")["wrappers"]).to_pylist() == ["diversity,coupled_noise"]


def test_samples_do_not_depend_on_the_batch(folder):
    assert pictures(drawn(folder, "any_name", WRAP)) == pictures(drawn(folder, "any_name", WRAP, batch=4))


@pytest.mark.parametrize(
    ("wrap", "told"),
    [
        ([{"coupled": {}}], "wrapper 'coupled' does not exist; choose one of coupled_noise, diversity"),
        ([{"coupled_noise": {"group": 1}}], "sampler x, coupled_noise: group = 1"),
        ([{"diversity": {"eta": 1}}] * 2, "wrapper diversity: goes around sampler ddnm twice"),
    ],
)
def test_what_cannot_be_wrapped_is_one_line(folder, wrap, told):
    with pytest.raises(PosterityError, match=told):
        drawn(folder, "x", wrap)
