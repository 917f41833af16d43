"""ECGs from the generator through every stage, float32 from end to end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from posterity import samplers
from posterity.artifacts import signals, store
from posterity.assets.archives import opened
from posterity.datasets import ecg_generated, ecg_generator
from posterity.diffusion.noise import Noise
from posterity.ecg import beats
from posterity.errors import PosterityError
from posterity.samplers.base import Problem
from posterity.stages import degrade, measure, posterior, prepare, sample, select, table
from posterity.stages._problem import load

COUNT, DATASET = 30, "ecg-beats"
TASK = {"name": "from_i", "operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05}
PRIOR = {"name": "kernel", "kind": "kernel", "bandwidth": 0.1, "split": "prior"}
ABOUT = {"dataset": DATASET, "kind": "ecg_generated", "select": "beats", "size": 70, "count": COUNT}


@pytest.fixture(scope="module")
def wheel(fetched, declared):
    return declared["deepfake-ecg"].path(fetched("deepfake-ecg"))


@pytest.fixture(scope="module")
def made(wheel, tmp_path_factory):
    """{stage: its artifact} of two items restored by the exact sampler and by DDNM."""
    folder = tmp_path_factory.mktemp("ecg")
    at = {name: folder / f"{name}.parquet" for name in ("items", "regions", "measurements", "posterior")}
    prepare.run(ABOUT, asset=wheel, output=at["items"])
    given = {name: at[name] for name in ("items", "regions")}
    degrade.run({"dataset": DATASET, "task": TASK, "items": 2, "seed": 0}, **given, output=at["measurements"])
    given["measurements"] = at["measurements"]
    key = {"dataset": DATASET, "task": TASK["name"], "prior": PRIOR}
    posterior.run(key, **given, output=at["posterior"])
    for method, settings in (("exact", {}), ("ddnm", {"steps": 20})):
        job = {"name": method, "method": method, "settings": settings, "wrap": []}
        at[method] = folder / f"{method}.parquet"
        sample.run(key | {"sampler": job, "samples": 6, "seed": 0}, **given, output=at[method])
        chosen = folder / f"{method}-subsets.parquet"
        how = {"count": 3, "features": "patch", "subsets": {"fps": {}}}
        select.run(how, samples=at[method], measurements=at["measurements"], assets=folder, output=chosen)
        at[f"{method}-metrics"] = folder / f"{method}-metrics.parquet"
        metrics = ["mae", "rmse", "psnr", "lr_psnr", "residual_rms", "tv", "modes_shown"]
        measure.run(
            {"metrics": metrics, "count": 3}, samples=at[method], measurements=at["measurements"], subsets=chosen,
            posterior=at["posterior"], reference=None, assets=folder, output=at[f"{method}-metrics"],
        )  # fmt: skip
    at["table"] = folder / "table.parquet"
    inputs = [at[name] for name in ("exact-metrics", "ddnm-metrics")]
    table.run({"experiment": "e", "table": "exact_posterior"}, inputs=inputs, output=at["table"])
    return at


def rows(path, kind):
    return store.read(path, kind).to_pylist()


def test_no_bit_is_lost_between_the_generator_and_the_measurement(made, wheel):
    dataset = ecg_generated.prepare(wheel, "beats", 70, COUNT)
    stored = {r["item"]: signals.decode(r["signal"]) for r in rows(made["items"], "items")}
    assert all(torch.equal(stored[item.id], torch.from_numpy(item.signal)) for item in dataset.items)
    for row in rows(made["measurements"], "measurements"):
        assert torch.equal(signals.decode(row["truth"]), stored[row["item"]])
        assert row["signal_shape"] == [8, 70] and row["signal_kind"] == "ecg" and row["signal_rate"] == 100.0


def test_no_bit_is_lost_between_the_sampler_and_the_artifact(made):
    key = {"dataset": DATASET, "task": TASK["name"], "prior": PRIOR}
    measured = load(key["prior"], *(made[name] for name in ("items", "regions", "measurements")))
    index = torch.arange(2).repeat_interleave(6)
    noise = Noise(0, [measured.items[i] for i in index], list(range(6)) * 2)
    problem = Problem(measured.prior, measured.operator.rows(index), measured.y[index], measured.sigma_y, index)
    x = samplers.find("ddnm")(steps=20).sample(problem, noise).x.float()
    assert torch.equal(signals.stack([r["signal"] for r in rows(made["ddnm"], "samples")]), x)
    assert x.abs().max() > 1  # R waves over 1 mV are whole


@pytest.mark.parametrize(
    ("method", "settings"), [("dps", {"steps": 20}), ("diffpir", {"steps": 10}), ("copaint", {"steps": 10})]
)
def test_no_sampler_cuts_r_waves(made, method, settings):
    """Clean predictions obey the bounds of the signal's kind, and an ECG has none."""
    key = {"dataset": DATASET, "task": TASK["name"], "prior": PRIOR}
    measured = load(key["prior"], *(made[name] for name in ("items", "regions", "measurements")))
    assert measured.prior.bounds is None and measured.kind.unit == "mV"
    truths = [signals.decode(r["truth"]) for r in rows(made["measurements"], "measurements")]
    tall = max(range(2), key=lambda i: float(truths[i].abs().max()))
    assert truths[tall].abs().max() > 1
    sampler, shown = samplers.find(method)(steps=20), []
    index = torch.full((2,), tall)
    problem = Problem(measured.prior, measured.operator.rows(index), measured.y[index], measured.sigma_y, index)
    sampler.sample(problem, Noise(0, ["a"] * 2, range(2)), watch=lambda step, count, x0: shown.append(x0))
    assert max(float(x0.abs().max()) for x0 in shown) > 1


def test_metrics_are_those_of_what_is_stored(made):
    truths = {r["item"]: signals.decode(r["truth"]).double() for r in rows(made["measurements"], "measurements")}
    found = pd.DataFrame(rows(made["ddnm-metrics"], "metrics"))
    samples = {(r["item"], r["sample"]): signals.decode(r["signal"]).double() for r in rows(made["ddnm"], "samples")}
    for row in found[found["metric"] == "mae"].itertuples():
        error = (samples[row.item, row.sample] - truths[row.item])[1:]  # lead I is measured
        assert row.value == pytest.approx(float(error.abs().mean()), rel=1e-12)
    of_images = found[found["metric"].isin(["psnr", "lr_psnr"])]
    assert of_images["value"].isna().all() and of_images["reason"].str.contains("is a number about images").all()


def test_the_exact_posterior_of_a_beat_has_many_beats_and_the_table_shows_it(made):
    """Of two dozen known beats several fit lead I at this bandwidth; of thousands dozens would."""
    weights = pd.DataFrame(rows(made["posterior"], "posterior"))
    effective = weights.groupby("item")["probability"].apply(lambda p: np.exp(-(p * np.log(p)).sum()))
    assert (effective > 1.2).all()
    cells = pd.DataFrame(rows(made["table"], "tables"))
    tv = cells[(cells["column"] == "tv")].set_index("row")["value"]
    assert len(tv) == 2 and tv.notna().all()


def test_a_record_does_not_depend_on_how_many_are_made(wheel):
    few, more = (ecg_generated.prepare(wheel, "records", 256, count) for count in (1, 2))
    np.testing.assert_allclose(few.items[0].signal, more.items[0].signal, rtol=0, atol=0.0011)
    assert few.items[0].signal.shape == (8, 256) and few.items[0].signal.dtype == np.float32


def test_beats_of_a_record_are_found_and_stand_at_their_place(wheel):
    """Normal sinus rhythm at 58 to 100 beats a minute; the sharpest part of the median beat is at 0.28 s."""
    with opened(wheel) as content:
        member = "deepfakeecg/checkpoints/g_stat.pt"
        tensors = ecg_generator.weights(content.read(member), member)
    for number in range(4):
        fine = ecg_generator.generate(tensors, number)[:, 100:-100]
        coarse = beats.resampled(fine, 500, 100)
        at, again = beats.r_peaks(fine, 500) / 500, beats.r_peaks(coarse, 100) / 100
        assert 58 <= 60 / np.median(np.diff(at)) <= 101
        inside = again[(again > 0.3) & (again < coarse.shape[1] / 100 - 0.3)]
        assert all(np.abs(at - p).min() < 0.075 for p in inside) and abs(len(at) - len(again)) <= 1
        beat = beats.median_beat(coarse, 100)
        assert beat.shape == (8, 70) and abs(int(np.abs(np.gradient(beat, axis=1)).sum(0).argmax()) - 28) <= 4


@pytest.mark.parametrize(
    ("select", "size", "said"),
    [
        ("rhythm", 256, "select is 'rhythm', expected one of records, beats"),
        ("beats", 64, "size is 64, but generated beats have 70 samples at 100 Hz"),
        ("records", 961, "generated records have 256 to 960 samples"),
        ("records", 100, "generated records have 256 to 960 samples"),
    ],
)
def test_what_the_generator_cannot_make_is_refused(wheel, select, size, said):
    with pytest.raises(PosterityError, match=said):
        ecg_generated.prepare(wheel, select, size, 2)


def test_a_checkpoint_of_something_else_is_one_line():
    with pytest.raises(PosterityError, match=r"g_stat\.pt does not hold the generator's weights") as raised:
        ecg_generator.weights(b"not a checkpoint", "g_stat.pt")
    assert "\n" not in str(raised.value)
