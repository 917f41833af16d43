"""From a miniature PTB-XL to the table: a classifier is trained, restored records are classified, and rows counted.

Labels are read off by formula and have names of our own: TALL, and LEFT for a QRS axis left of 0°.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from posterity import tables
from posterity.artifacts import store
from posterity.classifiers._weights import load
from posterity.ecg import beats, files
from posterity.ecg.accuracy import balanced_accuracy
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS
from posterity.stages import classify, degrade, prepare, sample, table, train_classifier
from posterity.tables.frames import Frames

FOLDS = (*range(1, 9), *range(1, 9), *[9] * 8, *[10] * 8)
TASK = {"name": "ecg_from_i", "operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05}
PRIOR = {"name": "gaussian", "kind": "gaussian", "split": "prior"}
TRAIN = {
    "classifier": "own", "datasets": {"mine": 1.0}, "split": "prior", "classes": ["TALL", "LEFT"],
    "training": {"steps": 40, "batch": 16, "crop": 250, "stride": 125, "width": 4, "blocks": [1, 1], "hidden": 16,
                 "learning_rate": 0.01, "warm_up": 4},
}  # fmt: skip


def codes(number):
    return [name for name, bit in (("TALL", 1), ("LEFT", 2)) if number & bit] or ["NORM"]


def ptbxl(folder):
    """Write the miniature: a real recording, taller or with lead II upside down, each a little different."""
    recording = files.read(Path(find_spec("pydicom").origin).parent / "data/test_files/waveform_ecg.dcm")
    low = beats.resampled(recording.values, recording.rate, 100)
    eight = low[[recording.names.index(lead) for lead in LEADS]]
    rng, lines = np.random.default_rng(0), []
    for number, fold in enumerate(FOLDS):
        own = np.roll(eight, int(rng.integers(1000)), axis=1) + 0.02 * rng.standard_normal(eight.shape)
        own = own * (1.6 if number & 1 else 0.7)
        own[1] *= -1 if number & 2 else 1
        name = f"records100/00000/{number + 1:05d}_lr"
        record = replace(recording, values=own, names=LEADS, rate=100.0, comments=())
        files.write(record, folder / f"{name}.hea")
        told = repr(dict.fromkeys(codes(number), 100.0))
        lines.append({"ecg_id": number + 1, "patient_id": number, "scp_codes": told, "strat_fold": fold,
                      "filename_lr": name, "filename_hr": name})  # fmt: skip
    with (folder / "ptbxl_database.csv").open("w", newline="") as file:
        made = csv.DictWriter(file, lines[0].keys())
        made.writeheader()
        made.writerows(lines)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every artifact by name."""
    folder = tmp_path_factory.mktemp("classified")
    out = {name: folder / f"{name}.parquet" for name in ("items", "regions", "measurements", "samples", "classes")}
    about = {"dataset": "mine", "kind": "ptbxl", "select": "raw100", "size": 960}
    prepare.run(about, asset=ptbxl(folder / "ptbxl"), output=out["items"])
    out["weights"] = folder / "weights.safetensors"
    train_classifier.run(TRAIN, inputs=[out["items"]], output=out["weights"])
    degrade.run(
        {"dataset": "mine", "task": TASK, "items": 8, "seed": 0},
        items=out["items"], regions=out["regions"], output=out["measurements"],
    )  # fmt: skip
    sampler = {"name": "exact", "method": "exact", "settings": {}, "wrap": []}
    asked = {"dataset": "mine", "task": "ecg_from_i", "prior": PRIOR, "sampler": sampler, "samples": 3, "seed": 0}
    given = {name: out[name] for name in ("items", "regions", "measurements")}
    sample.run(asked, **given, output=out["samples"])
    classify.run({"classifier": "own"}, **inputs(out), output=out["classes"])
    return out


def inputs(made):
    found = {name: made[name] for name in ("items", "samples", "measurements")}
    return found | {"classifier": made["weights"]}


def test_thresholds_are_chosen_on_validation_records(made):
    card = json.loads(made["weights"].with_name("card.json").read_text())
    assert [one["name"] for one in card["classes"]] == ["TALL", "LEFT"]
    items = store.read(made["items"], "items").to_pylist()
    from posterity.artifacts import signals

    own = [row for row in items if row["split"] == "validation"]
    found = load(made["weights"]).probabilities(signals.stack([row["signal"] for row in own]), 100.0).double().numpy()
    for column, one in enumerate(card["classes"]):
        labels = np.asarray([one["name"] in row["attributes"] for row in own])
        accuracy = balanced_accuracy(found[:, column] >= one["threshold"], labels)
        assert one["balanced_accuracy"] == pytest.approx(accuracy, abs=1e-6) and accuracy >= 0.5
        assert (one["records"], one["positive"], one["rule"]) == (8, 4, "youden")
    assert min(one["balanced_accuracy"] for one in card["classes"]) > 0.8  # what it learns is plain to see
    assert card["rate"] == 100.0 and card["deviation"] > 0


def test_rows_are_truths_and_then_samples(made):
    rows = store.read(made["classes"], "classes").to_pylist()
    truths, draws = [row for row in rows if row["sample"] is None], [row for row in rows if row["sample"] is not None]
    assert (len(truths), len(draws)) == (8 * 2, 8 * 3 * 2) and rows[:16] == truths
    assert {(row["sampler"], row["method"], row["classifier"]) for row in rows} == {("exact", "exact", "own")}
    for row in rows:
        assert row["label"] == (row["class"] in codes(int(row["item"]) - 1)) and 0 <= row["probability"] <= 1
    own = load(made["weights"])
    assert {(row["class"], row["threshold"]) for row in rows} == {(one.name, one.threshold) for one in own.classes}
    again = {row["item"]: row for row in store.read(made["measurements"], "measurements").to_pylist()}
    from posterity.artifacts import signals

    for item, one in again.items():
        found = own.probabilities(signals.stack([one["truth"]]))[0]
        told = [row["probability"] for row in truths if row["item"] == item]
        assert told == pytest.approx(found.tolist(), abs=1e-5)


def test_the_table_counts_records_by_the_mean_of_their_draws(made, tmp_path):
    rows = store.read(made["classes"], "classes").to_pandas()
    found = {(cell.row[3], cell.column): cell for cell in cells(made)}
    assert set(found) == {(s, c) for s in ("truth", "exact") for c in ("TALL", "LEFT")}
    for (sampler, name), cell in found.items():
        own = rows[(rows["class"] == name) & (rows["sample"].isna() if sampler == "truth" else rows["sample"].notna())]
        right = {True: [], False: []}
        for _, record in own.groupby("item"):
            label = bool(record["label"].iloc[0])
            right[label].append((record["probability"].mean() >= record["threshold"].iloc[0]) == label)
        assert cell.value == pytest.approx((np.mean(right[True]) + np.mean(right[False])) / 2)
        assert cell.count == 8 and cell.low <= cell.value <= cell.high and cell.published is None
    settings = {"experiment": "mine", "table": "ecg_classes"}
    table.run(settings, inputs=[made["classes"], made["measurements"]], output=tmp_path / "t.parquet")
    assert "mine / ecg_from_i / gaussian / truth / own" in (tmp_path / "t.csv").read_text()


def cells(made):
    return tables.find("ecg_classes").cells(Frames([made["classes"], made["measurements"]], "table ecg_classes"))


def test_a_training_that_is_done_is_left_alone(made):
    before = made["weights"].stat().st_mtime_ns
    train_classifier.run(TRAIN, inputs=[made["items"]], output=made["weights"])
    assert made["weights"].stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ["TAL"]}, "class 'TAL' is no attribute of dataset mine, split 'prior'; choose out of LEFT, NORM, "
                               "TALL; did you mean 'TALL'?"),
        ({"training": {"batch": 1}}, "training setting batch = 1: Input should be greater than or equal to 2"),
        ({"training": {"crop": 1000}}, "training setting crop = 1000: the records have 960 samples"),
    ],
)  # fmt: skip
def test_a_training_that_cannot_be_is_refused(made, tmp_path, changes, said):
    with pytest.raises(PosterityError) as raised:
        train_classifier.run(TRAIN | changes, inputs=[made["items"]], output=tmp_path / "weights.safetensors")
    assert str(raised.value) == said and not (tmp_path / "weights.safetensors").exists()


def test_data_without_validation_records_or_others_are_refused(made, tmp_path):
    rows = store.read(made["items"], "items").to_pylist()

    def refused(rows, said):
        store.write(tmp_path / "items.parquet", "items", rows, {"settings": {}})
        with pytest.raises(PosterityError) as raised:
            train_classifier.run(TRAIN, inputs=[tmp_path / "items.parquet"], output=tmp_path / "weights.safetensors")
        assert str(raised.value) == said

    refused([row for row in rows if row["split"] != "validation"],
            "dataset mine has no item of split 'validation', on which thresholds are chosen")  # fmt: skip
    refused([row | {"attributes": ["TALL", "LEFT"]} for row in rows],
            "class 'TALL' is an attribute of all of dataset mine, split 'prior'; it needs others")  # fmt: skip


def test_another_classifier_and_a_damaged_one_are_refused(made, tmp_path):
    given = inputs(made)
    with pytest.raises(PosterityError, match="is classifier 'own', but --settings say 'other'"):
        classify.run({"classifier": "other"}, **given, output=tmp_path / "c.parquet")
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(PosterityError, match=r"does not exist; `posterity train-classifier --help`"):
        classify.run({"classifier": "own"}, **given | {"classifier": weights}, output=tmp_path / "c.parquet")
    card = json.loads(made["weights"].with_name("card.json").read_text())
    weights.write_bytes(made["weights"].read_bytes())
    weights.with_name("card.json").write_text(json.dumps(card | {"classes": [{"name": "TALL"}], "rate": "100"}))
    with pytest.raises(PosterityError, match="is no card of a classifier: rate missing or of another type"):
        load(weights)
    weights.with_name("card.json").write_text(json.dumps(card | {"width": 8}))
    with pytest.raises(PosterityError, match="is of another architecture"):
        load(weights)
    weights.with_name("card.json").write_text(json.dumps(card))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(PosterityError, match=r"is not the file that its card\.json describes"):
        load(weights)
