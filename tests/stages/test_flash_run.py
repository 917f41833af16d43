"""Runs with late starts, from the severity of measurements to rows with their start and cost."""

from __future__ import annotations

import json

import pytest
import sampling_job
import torch

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.stages import degrade, sample, severity, train_severity

ITEMS = tuple("abcdefgh")
LATENT = {
    "name": "latent",
    "kind": "kernel",
    "bandwidth": 0.3,
    "autoencoder": {"kind": "patch_pca", "patch": 4, "components": 3},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sampling_job.inputs(tmp_path_factory.mktemp("flash"), ITEMS, 16)


def inputs(folder):
    return {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS}


def order(folder):
    return store.read(folder / "measurements.parquet", "measurements")["item"].to_pylist()


def asked(prior=None, **settings):
    out = sampling_job.settings(**({"steps": 40, "samples": 2} | settings))
    out["prior"] = prior or out["prior"]
    return out


def estimated(folder, kind, prior=None, name="own", **settings):
    about = {k: v for k, v in asked(prior).items() if k in ("dataset", "task", "prior")}
    out = folder / f"{name}-{about['prior']['name']}.parquet"
    severity.run(about | {"severity": {"name": name, "kind": kind, **settings}}, **inputs(folder), output=out)
    return out


def varied(folder):
    """A severity that grows from item to item."""
    rows = store.read(estimated(folder, "exact"), "severity").to_pylist()
    rows = [row | {"v_hat": 0.03 * (k // 2) ** 2} for k, row in enumerate(rows)]
    store.write(folder / "varied.parquet", "severity", rows, {"settings": {}})
    return folder / "varied.parquet"


def drawn(folder, wrap, severity=None, prior=None, method="dps", **options):
    settings = asked(prior)
    own = {"steps": 40, "scale": 0.5}
    settings["sampler"] = {"name": "late", "method": method, "settings": own, "wrap": wrap}
    out = folder / "late.parquet"
    sample.run(settings, **inputs(folder), severity=severity, output=out, **options)
    return store.read(out, "samples").to_pylist()


FLASH = [{"flash": {"severity": "own"}}]


@pytest.mark.parametrize("prior", [None, LATENT])
def test_the_exact_severity_is_the_posterior_and_its_true_error_is_told(folder, prior):
    rows = store.read(estimated(folder, "exact", prior), "severity").to_pylist()
    assert [row["item"] for row in rows] == order(folder)
    from posterity.stages._problem import load

    files = inputs(folder)
    measured = load(asked(prior)["prior"], files["items"], files["regions"], files["measurements"])
    exact = measured.prior.posterior(measured.operator, measured.y, measured.sigma_y)
    means = torch.stack([torch.tensor(row["z_hat"]).reshape(row["z_shape"]) for row in rows])
    torch.testing.assert_close(measured.prior.decode(means.double()), exact.mean, rtol=0, atol=1e-5)
    truths = store.read(files["measurements"], "measurements")["truth"].to_pylist()
    for row, z, truth in zip(rows, means.double(), truths, strict=True):
        away = z - measured.prior.encode(signals.decode(truth, "a truth")[None].double())[0]
        assert row["error"] == pytest.approx(float(away.square().mean()), rel=1e-4, abs=1e-9)
        assert row["v_bar"] == pytest.approx(
            float((away - away.mean()).square().sum() / (away.numel() - 1)), rel=1e-4, abs=1e-9
        )
        assert (row["v_hat"] > 0) == (prior is None) and row["seconds"] > 0  # 48 numbers, of which y knows all


def test_the_fixed_severity_is_one_variance_and_the_adjoint(folder):
    rows = store.read(estimated(folder, "fixed", name="fixed", time=300), "severity").to_pylist()
    from posterity.diffusion.schedule import Schedule

    assert {row["v_hat"] for row in rows} == {1 / Schedule.linear().level(300).snr}
    with pytest.raises(PosterityError, match="severity x: time = 1000: Input should be less than or equal to 999"):
        estimated(folder, "fixed", name="x", time=1000)


def test_rows_say_where_they_began_and_what_that_cost(folder):
    rows = drawn(folder, FLASH, varied(folder))
    assert [row["item"] for row in rows] == [item for item in order(folder) for _ in range(2)]
    assert [row["forwards"] for row in rows] == [row["start"] for row in rows]
    starts = [row["start"] for row in rows]
    assert starts == sorted(starts) and len(set(starts)) == 4 and starts[0] == 0
    assert {row["wrappers"] for row in rows} == {"flash"}
    plain = drawn(folder, [])
    assert {(row["start"], row["forwards"]) for row in plain} == {(None, 40)}


def test_samples_do_not_depend_on_the_batch(folder):
    path = varied(folder)
    pictures = [[signals.png(r["signal"]) for r in drawn(folder, FLASH, path, batch=b)] for b in (128, 2)]
    assert pictures[0] == pictures[1]


def test_a_latent_solver_begins_late_and_counts_what_it_encodes(folder):
    rows = drawn(folder, FLASH, estimated(folder, "exact", LATENT), LATENT, method="psld")
    assert {(row["forwards"], row["encodes"], row["decodes"]) for row in rows} == {
        (row["start"], row["start"], row["start"] + 1) for row in rows
    }


def test_mistakes_are_one_line(folder):
    with pytest.raises(PosterityError, match="sampler late: flash needs --severity, where items begin"):
        drawn(folder, FLASH)
    with pytest.raises(PosterityError, match="is of severity 'own', but flash begins by 'mine'"):
        drawn(folder, [{"flash": {"severity": "mine"}}], estimated(folder, "exact"))
    path = estimated(folder, "exact")
    kept = store.read(path, "severity").to_pylist()[1:]
    store.write(folder / "less.parquet", "severity", kept, {"settings": {}})
    with pytest.raises(PosterityError, match=r"less\.parquet lacks item"):
        drawn(folder, FLASH, folder / "less.parquet")
    with pytest.raises(PosterityError, match="is of prior 'latent', but"):
        drawn(folder, FLASH, estimated(folder, "exact", LATENT))
    with pytest.raises(
        PosterityError, match="kind of severity 'encode' does not exist; choose one of encoder, exact, fixed"
    ):
        estimated(folder, "encode")


ENCODER = {
    "severity": "own", "dataset": "faces", "datasets": {"faces": 1.0}, "split": "prior",
    "task": {"operator": "denoise", "sigma_y": 0.5}, "autoencoder": LATENT["autoencoder"],
    "training": {"steps": 4, "batch": 4, "width": 8, "blocks": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder(folder, tmp_path_factory):
    """An encoder trained for a few steps on half of the images, with the others held out."""
    rows = store.read(folder / "items.parquet", "items").to_pylist()
    for k, row in enumerate(rows):
        row |= {"split": "prior" if k % 2 else "test", "dataset": "faces"}
    made = tmp_path_factory.mktemp("encoder")
    store.write(made / "items.parquet", "items", rows, {})
    train_severity.run(ENCODER, inputs=[made / "items.parquet"], output=made / "weights.safetensors")
    return made / "weights.safetensors"


def test_an_encoder_is_trained_once_and_its_card_tells_for_what(encoder):
    card = json.loads(encoder.with_name("card.json").read_text())
    assert card["task"] == ENCODER["task"] and card["state_shape"] == [3, 4, 4] and card["steps"] == 4
    assert card["data"][0]["items"] == len(ITEMS) // 2 and encoder.with_name("log.csv").is_file()
    assert not list(encoder.parent.glob(".*parts")), "no state of a finished training stays"
    before = encoder.stat().st_mtime_ns
    train_severity.run(ENCODER, inputs=[encoder.with_name("items.parquet")], output=encoder)
    assert encoder.stat().st_mtime_ns == before


def test_an_encoder_estimates_states_and_tells_that_it_was_trained_for_something_else(folder, encoder):
    out, settings = folder / "encoded.parquet", asked_of(LATENT)
    given = inputs(folder) | {"measurements": folder / "noisy.parquet"}
    task = {"name": settings["task"], "operator": "denoise", "sigma_y": 0.3}
    about = {"dataset": settings["dataset"], "task": task, "items": len(ITEMS), "seed": 0}
    degrade.run(about, items=given["items"], regions=given["regions"], output=given["measurements"])
    severity.run(settings, **given, output=out, encoder=encoder)
    rows = store.read(out, "severity").to_pylist()
    assert len(rows) == len(ITEMS) and all(r["z_shape"] == [3, 4, 4] and r["v_hat"] > 0 for r in rows)
    assert store.provenance(out)["origin"]["other"] == "trained for sigma_y 0.5 in place of 0.3"
    late = drawn(folder, FLASH, out, prior=LATENT)
    assert {r["item"] for r in late} == set(ITEMS) and all(0 <= r["start"] < 40 for r in late)
    with pytest.raises(PosterityError, match="severity own is a trained encoder: give its weights file"):
        severity.run(settings, **given, output=out)
    with pytest.raises(PosterityError, match="estimates states of shape"):
        severity.run(asked_of(LATENT), **inputs(folder), output=out, encoder=encoder)


def asked_of(prior):
    about = {k: v for k, v in asked(prior).items() if k in ("dataset", "task", "prior")}
    return about | {"severity": {"name": "own", "kind": "encoder"}}
