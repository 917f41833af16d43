"""Severities against the true variance of their errors, and the starts that they lead to."""

import csv

import pytest
import torch

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.stages import figure

PLACE = {"dataset": "faces", "task": "blur", "prior": "kernel"}
PREDICTED = {"encoder": {"a": 0.01, "b": 0.04, "c": 0.09}, "fixed": dict.fromkeys("abc", 0.02)}
STARTS = {"dps_late": {"a": 2, "b": 5, "c": 8}, "dps_fixed": dict.fromkeys("abc", 4), "dps": dict.fromkeys("abc")}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, out = tmp_path_factory.mktemp("severities"), []

    def write(kind, name, rows, settings):
        out.append(folder / kind / f"{name}.parquet")
        store.write(out[-1], kind, rows, {"settings": settings})

    for severity, told in PREDICTED.items():
        write("severity", severity, [
            PLACE | {"severity": severity, "item": i, "v_hat": v, "v_bar": 2 * v, "z_hat": [0.0], "z_shape": [1]}
            for i, v in told.items()
        ], {})  # fmt: skip
    grey = images.encode(torch.zeros(3, 4, 4))
    for sampler, starts in STARTS.items():
        wrap = [] if sampler == "dps" else [{"flash": {"severity": "encoder"}}]
        run = PLACE | {"sampler": sampler, "method": "dps", "wrappers": "flash" if wrap else ""}
        rows = [run | {"item": i, "sample": 0, "signal": grey, "start": s} for i, s in starts.items()]
        about = {"sampler": {"name": sampler, "method": "dps", "settings": {}, "wrap": wrap}}
        write("samples", sampler, rows, about)
    return out


def test_what_differs_between_measurements_is_shown(files, tmp_path):
    """Of a fixed start neither the variance nor the index does, and a plain run has none."""
    out = tmp_path / "severity_errors.svg"
    figure.run({"experiment": "e", "figure": "severity_errors"}, inputs=files, output=out)
    lines = [line for line in out.with_suffix(".csv").read_text().splitlines() if line[:1] != "#"]
    rows = list(csv.DictReader(lines))
    found = {
        kind: {(r["severity or sampler"], r["item"]): float(r[column]) for r in rows if r["kind"] == kind}
        for kind, column in (("variance", "predicted"), ("start", "start"))
    }
    assert found["variance"] == {("encoder", item): v for item, v in PREDICTED["encoder"].items()}
    assert found["start"] == {("dps_late", item): start for item, start in STARTS["dps_late"].items()}


def test_fixed_starts_alone_have_no_figure(files, tmp_path):
    fixed = [path for path in files if path.stem != "encoder"]
    with pytest.raises(PosterityError, match="none whose variance differs between measurements of a known truth"):
        figure.run({"experiment": "e", "figure": "severity_errors"}, inputs=fixed, output=tmp_path / "s.svg")
