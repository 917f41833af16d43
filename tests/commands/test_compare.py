"""Comparison of two exports: differences, their sizes, and whether they exceed the intervals."""

import hashlib
import json
import zipfile

import pytest
from typer.testing import CliRunner

from posterity.artifacts import store
from posterity.cli import app
from posterity.report import comparison

CELLS = {
    # (row, column): (value, low, high)
    ("ddnm", "tv"): (0.5, 0.4, 0.6),
    ("ddnm", "psnr"): (20.0, 19.0, 21.0),
    ("dps", "tv"): (0.2, None, None),
    ("dps", "psnr"): (None, None, None),
    ("exact", "tv"): (0.1, 0.05, 0.15),
}


def record(key, value, low, high):
    row, column = key
    return {"experiment": "e", "table": "t", "row": row, "column": column, "value": value, "low": low, "high": high,
            "count": 4, "note": "N/A: no" if value is None else None}  # fmt: skip


def archive(folder, name, cells, table="t", **about):
    """An archive as `posterity export` writes it for an experiment with one table."""
    path = folder / f"{name}.parquet"
    store.write(path, "tables", [record(k, *v) | {"table": table} for k, v in cells.items()], {})
    files = {f"results/tables/e/{table}.parquet": path.read_bytes(), f"results/tables/e/{table}.csv": b"",
             f"results/tables/e/{table}.md": b""}  # fmt: skip
    product = {"stage": "table", "settings": {}, "inputs": [], "output": f"results/tables/e/{table}.parquet"}
    manifest = {"experiment": "e", "revision": "r1", "versions": {"torch": "2.0"}, "products": [product],
                "files": {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}, **about}  # fmt: skip
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as packed:
        packed.writestr("provenance.json", json.dumps(manifest))
        packed.writestr("config/samplers/ddnm.yaml", f"steps: {len(cells)}")
        for entry, content in files.items():
            packed.writestr(entry, content)
    return folder / f"{name}.zip"


def compare(*words):
    done = CliRunner().invoke(app, ["compare", *map(str, words)])
    return done.exit_code, done.output


def test_a_difference_is_judged_by_both_intervals():
    """0.3 ± 0.1 upwards and ± 0.1 downwards make ± 0.141 of a difference."""
    a = [record(("r", "c"), 0.3, 0.2, 0.4)]
    for value, verdict in ((0.3, "same"), (0.44, "within intervals"), (0.45, "differs"), (0.15, "differs")):
        (one,) = comparison.compare(a, [record(("r", "c"), value, value - 0.1, value + 0.1)])
        assert one.verdict == verdict and one.by == pytest.approx(value - 0.3)
        assert one.half == pytest.approx(0.02**0.5)
    (skewed,) = comparison.compare(a, [record(("r", "c"), 0.5, 0.49, 0.9)])
    assert skewed.verdict == "differs" and skewed.half == pytest.approx((0.1**2 + 0.01**2) ** 0.5), "sides that face"


def test_numbers_that_differ_come_first_and_the_rest_is_counted(tmp_path):
    changed = CELLS | {("ddnm", "tv"): (0.9, 0.8, 1.0), ("ddnm", "psnr"): (20.5, 19.5, 21.5)}
    changed |= {("dps", "tv"): (0.3, None, None), ("new", "tv"): (1.0, None, None)}
    del changed["exact", "tv"]
    a = archive(tmp_path, "a", CELLS)
    b = archive(tmp_path, "b", changed | {("dps", "nfe"): (5.0, None, None)}, versions={"torch": "2.1"})
    code, said = compare(a, b, "--html", tmp_path / "x.html")
    assert code == 0, said
    lines = [line.split() for line in said.splitlines()]
    assert "torch: 2.0 → 2.1" in said and "configuration: config/samplers/ddnm.yaml" in said and "revision" not in said
    assert ["t", "ddnm", "tv", "0.500", "0.900", "0.400", "0.141", "differs"] in lines
    shown = [line[-1] for line in lines if line[:1] == ["t"]]
    assert shown == ["differs", "A", "B", "B", "interval"], "and nothing that is the same or within its intervals"
    total = "7 numbers: 1 differs, 1 only in A, 2 only in B, 1 no interval, 1 within intervals, 1 same"
    assert total in said
    page = (tmp_path / "x.html").read_text()
    assert page.count("<tr>") == 1 + 7 and '<td class="value" data-value="0.4">0.400</td>' in page
    code, said = compare(a, b, "--all")
    assert "within intervals" in [" ".join(line.split()[-2:]) for line in said.splitlines()]


def test_an_archive_is_the_same_as_itself(tmp_path):
    a = archive(tmp_path, "a", CELLS)
    code, said = compare(a, a)
    assert code == 0 and said.splitlines()[-1] == "5 numbers: 5 same"


def test_bad_input_is_one_line(tmp_path):
    a = archive(tmp_path, "a", CELLS)
    (tmp_path / "text.zip").write_text("nothing")
    other = archive(tmp_path, "other", CELLS, table="u")
    for words, expected in (
        ((a, tmp_path / "absent.zip"), f"{tmp_path / 'absent.zip'} does not exist"),
        ((tmp_path / "text.zip", a), "text.zip is not a whole archive of `posterity export`"),
        ((a, other), "have no table in common; one has t, one has u"),
        ((a, a, "--html", tmp_path), "is a folder; name a file"),
    ):
        code, said = compare(*words)
        assert code == 2 and expected in said and len(said.splitlines()) <= 1 + 2 * ("--html" in words), said
