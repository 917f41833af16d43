"""The table of diagnoses on made probabilities: means over draws, published numbers beside, and what is N/A."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from posterity import tables
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.tables.cells import Cell
from posterity.tables.frames import Frames

KEY = {"dataset": "ptbxl-whole", "task": "ecg_from_i", "prior": "ptbxl_network_whole", "classifier": "mine"}
TASK = {"name": "ecg_from_i", "operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05}
RECORDS = 10
"""The last five of them have the block."""


def rows(sampler: str, draws: dict[int | None, float], name: str = "CRBBB", positive: int = 5) -> list[dict[str, Any]]:
    """Rows of all records: ``draws`` has the share of 0.1·number that each sample's probability is."""
    return [
        KEY | {"sampler": sampler, "method": "mgps", "wrappers": "", "item": f"{i}", "sample": sample, "class": name,
               "probability": share * i / 10, "threshold": 0.45, "label": i >= RECORDS - positive}
        for sample, share in draws.items() for i in range(RECORDS)
    ]  # fmt: skip


def paths(folder: Path, **runs: list[dict[str, Any]]) -> list[Path]:
    made = [folder / "measurements.parquet"]
    row = {"dataset": KEY["dataset"], "task": KEY["task"], "item": "0", "signal_kind": "ecg"}
    store.write(made[0], "measurements", [row], {"settings": {"task": TASK}})
    for name, own in runs.items():
        made.append(folder / f"{name}.parquet")
        store.write(made[-1], "classes", own, {"settings": {}})
    return made


def found(files: list[Path]) -> dict[tuple[str, str], Cell]:
    cells = tables.find("ecg_classes").cells(Frames(files, "table ecg_classes"))
    return {(cell.row[3], cell.column): cell for cell in cells}


def test_records_count_by_the_mean_of_their_draws_beside_published_numbers(tmp_path: Path) -> None:
    # of the mean of two draws, 0.8 · number / 10, records 6 to 9 reach the threshold; of the truth 5 to 9
    files = paths(
        tmp_path, mgps=rows("mgps", {None: 1.0, 0: 0.6, 1: 1.0}), dps=rows("dps", {None: 1.0, 0: 0.1, 1: 0.1})
    )
    told = found(files)
    assert list(told) == [("truth", "CRBBB"), ("dps", "CRBBB"), ("mgps", "CRBBB")]
    assert {key[0]: (cell.value, cell.published) for key, cell in told.items()} == {
        "truth": (1.0, 0.99), "dps": (0.5, 0.54), "mgps": (pytest.approx(0.9), 0.81),
    }  # fmt: skip
    mgps = told["mgps", "CRBBB"]
    assert mgps.low is not None and mgps.high is not None and mgps.low < 0.9 <= mgps.high and mgps.count == RECORDS


def test_what_has_no_number_says_why_and_other_classes_have_nothing_beside(tmp_path: Path) -> None:
    both = rows("mgps", {None: 1.0, 0: 1.0}, "AFIB", positive=0) + rows("mgps", {None: 1.0, 0: 1.0}, "TALL")
    told = found(paths(tmp_path, mgps=both, pgdm=rows("pgdm", {None: 1.0}, "TALL")))
    assert told["mgps", "TALL"].value == 1.0 and told["mgps", "TALL"].published is None
    none = told["mgps", "AFIB"]
    assert (none.value, none.published, none.note) == (None, 0.94, "N/A: none of 10 records have it")
    assert told["pgdm", "TALL"].note == "N/A: no samples"
    with pytest.raises(PosterityError, match="table ecg_classes needs classes artifacts"):
        found(paths(tmp_path))


def test_it_is_made_without_torch(tmp_path: Path) -> None:
    files = [str(path) for path in paths(tmp_path, mgps=rows("mgps", {None: 1.0, 0: 1.0}))]
    program = (
        "import sys; from pathlib import Path; from posterity import tables; from posterity.tables.frames import "
        f"Frames; cells = tables.find('ecg_classes').cells(Frames(map(Path, {files!r}), 't')); "
        "sys.exit(f'{len(cells)} cells' if len(cells) != 2 or 'torch' in sys.modules else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
