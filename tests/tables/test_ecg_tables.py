"""Tables of restored ECGs on made records: a calibrated sampler, one that regresses to the mean, and a mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from posterity import figures, signals, tables
from posterity.artifacts import signals as stored
from posterity.artifacts import store
from posterity.ecg import comparison
from posterity.ecg.intervals import Intervals
from posterity.errors import PosterityError
from posterity.tables import _ecg
from posterity.tables.frames import Frames

ECG = signals.find("ecg", 100.0)
RECORDS, DRAWS, TIME = 60, 10, 70
SPREAD = 0.15
"""Posterior standard deviation of amplitudes in mV, beside 0.3 of what lead I tells."""
KEY = {"dataset": "beats", "task": "from_i", "prior": "made"}


def beat(amplitudes: np.ndarray) -> torch.Tensor:
    """Gaussian R waves at 0.28 s with these heights, (8, 70)."""
    at = np.arange(TIME)
    wave = np.exp(-(((at - 28) / 1.5) ** 2) / 2)
    return torch.from_numpy(amplitudes[:, None] * wave).float()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return artifacts(tmp_path_factory.mktemp("ecg"))


def artifacts(folder: Path, beats: int = 1, height: float = 1.0, draws: int = DRAWS) -> list[Path]:
    """Truth: amplitude = lead I's + 0.15·noise in every lead but I; `exact` draws the same law."""
    rng = np.random.default_rng(0)
    known = height + 0.3 * rng.standard_normal((RECORDS, 1))

    def drawn() -> np.ndarray:
        return np.concatenate([known, known + SPREAD * rng.standard_normal((RECORDS, 7))], 1)

    truth = drawn()
    keep = torch.zeros(1, 8, 1)
    keep[:, 0] = 1
    about = {"signal_kind": "ecg", "signal_rate": 100.0, "signal_shape": [8, beats * TIME], "sigma_y": 0.05}
    about |= {"parameters": save({"keep": keep})}
    shown = [stored.encode(beat(x).tile(1, beats), ECG) for x in truth]
    rows = [KEY | about | {"item": f"r{k:02d}", "truth": x, "display": x} for k, x in enumerate(shown)]
    task = {"name": "from_i", "operator": "inpaint", "observed_leads": ["I"], "sigma_y": 0.05}
    store.write(folder / "m.parquet", "measurements", rows, {"settings": {"task": task}})
    made = {
        "exact": [drawn() for _ in range(draws)],
        "shrunk": [0.2 * drawn() + 0.8 * height for _ in range(draws)],
        "posterior_mean": [np.repeat(known, 8, 1)] * draws,
    }
    out = [folder / "m.parquet"]
    for name, pools in made.items():
        method = "ddnm" if name == "shrunk" else name
        own = KEY | {"sampler": name, "method": method, "wrappers": ""}
        samples = [
            own | {"item": f"r{k:02d}", "sample": s, "signal": stored.encode(beat(x).tile(1, beats), ECG)}
            for s, pool in enumerate(pools) for k, x in enumerate(pool)
        ]  # fmt: skip
        settings = {"sampler": {"name": name, "method": method, "settings": {}, "wrap": []}}
        out.append(folder / f"{name}.parquet")
        store.write(out[-1], "samples", samples, {"settings": settings})
    return out


def values(paths: list[Path], table: str) -> dict[tuple[str, ...], tuple[float, float, float]]:
    cells = tables.find(table).cells(Frames(paths, table))
    return {(*c.row[3:], c.column): (c.value, c.low, c.high) for c in cells}  # type: ignore[misc]


def test_errors_are_of_missing_entries_and_the_calibrated_sampler_covers_nine_in_ten(paths: list[Path]) -> None:
    found = values(paths, "ecg_errors")
    assert {key[0] for key in found} == {"exact", "shrunk", "posterior_mean"}
    # mean |N(0, 2·SPREAD²)| of draws and |N(0, SPREAD²)| of the exact mean, times the mean of the wave
    wave = float(beat(np.ones(8))[0].mean())
    expected = (2 / np.pi) ** 0.5 * SPREAD * wave
    assert found["exact", "MAE"][0] == pytest.approx(2**0.5 * expected, rel=0.06)
    assert found["posterior_mean", "MAE"][0] == pytest.approx(expected, rel=0.06)
    assert found["posterior_mean", "MAE"][0] == pytest.approx(found["posterior_mean", "MAE of the mean"][0], rel=1e-6)
    assert found["exact", "MAE of the mean"][0] == pytest.approx((1 + 1 / DRAWS) ** 0.5 * expected, rel=0.06)
    # 60 records of 7 leads whose entries err together: a standard error of .015
    assert found["exact", "coverage in QRS"][0] == pytest.approx(0.9, abs=0.045)
    assert found["shrunk", "coverage in QRS"][0] < 0.5 and found["posterior_mean", "coverage in QRS"][0] < 0.05
    assert found["exact", "MAE in QRS"][0] > 5 * found["exact", "MAE elsewhere"][0]


def test_derived_leads_count_where_one_of_theirs_is_missing(paths: list[Path]) -> None:
    missing = np.ones((8, TIME), bool)
    missing[0] = False
    twelve = comparison.twelve_missing(missing)
    assert not twelve[0].any() and twelve[1:].all()
    missing[1] = False
    assert not comparison.twelve_missing(missing)[:6].any()
    x = np.random.default_rng(0).standard_normal((3, 8, 5))
    np.testing.assert_allclose(comparison.twelve(x)[:, 2], x[:, 1] - x[:, 0], atol=1e-12)  # III = II - I


def test_regression_to_the_mean_is_told_from_a_posterior(paths: list[Path]) -> None:
    found = values(paths, "ecg_regression")
    leads = ("II", "V1", "V2", "V3", "V4", "V5", "V6")
    assert {key[1] for key in found} == set(leads)
    for lead in leads:
        value, low, high = found["exact", lead, "variance ratio"]
        assert low < value < high and low < 1.15 and high > 0.85
        assert found["shrunk", lead, "variance ratio"][0] < 0.1
        assert found["shrunk", lead, "R²(error, truth)"][0] > 0.85 > found["exact", lead, "R²(error, truth)"][0]
        # known + noise: .09 / (.09 + .0225) = .8 of the variance is lead I's
        truth = found["truth", lead, "inter-lead R²"][0]
        assert truth == pytest.approx(0.8, abs=0.2)  # a standard error of .06
        assert found["exact", lead, "inter-lead R²"][0] == pytest.approx(truth, abs=0.2)
        assert found["posterior_mean", lead, "inter-lead R²"][0] == pytest.approx(1)
        assert found["truth", lead, "variance ratio"][0] == pytest.approx(1)
        assert found["truth", lead, "bias"][0] is None
        assert abs(found["exact", lead, "bias"][0]) < 4 * SPREAD * (2 / RECORDS) ** 0.5


def test_what_no_ecg_was_restored_of_is_one_line(tmp_path: Path, paths: list[Path]) -> None:
    for name in ("ecg_errors", "ecg_regression"):
        with pytest.raises(PosterityError, match="of ECGs") as raised:
            tables.find(name).cells(Frames(paths[:1], f"table {name}"))
        assert "\n" not in str(raised.value)


def test_the_sheet_shows_measured_black_and_restored_blue(paths: list[Path], tmp_path: Path) -> None:
    """The caption names the record, and every restored lead has two single draws; a beat does not fill a sheet."""
    with pytest.raises(PosterityError, match="a single beat does not fill a sheet"):
        figures.find("ecg_sheet").draw(Frames(paths, "figure ecg_sheet"), {})
    long = artifacts(tmp_path, beats=4)
    drawn = figures.find("ecg_sheet").draw(Frames(long, "figure ecg_sheet", {"sampler": "exact"}), {})
    assert "r00" in drawn.caption and "restored, not measured" in drawn.caption
    lines = [line.get_gid() or "" for line in drawn.figure.axes[0].lines]
    assert lines.count("restoredV1") == 2 and "restoredI" not in lines and "measuredI" in lines
    assert lines.count("restoredII") == 4 and lines.count("restoredaVF") == 2  # the rhythm strip shows II again


def test_student_intervals_of_gaussian_draws_hold_nine_truths_in_ten() -> None:
    rng = np.random.default_rng(0)
    for count in (2, 5, 10, 40):
        draws, truth = rng.standard_normal((count, 20_000)), rng.standard_normal(20_000)
        assert comparison.covered(draws, truth).mean() == pytest.approx(0.9, abs=0.009)  # four standard errors


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In place of the network: QRS lasts 100 ms a mV, PR 150 ms, and QT is not found in R waves under 1 mV."""
    asked: list[int] = []

    def measured(lead: np.ndarray, rate: float, peaks: np.ndarray) -> Intervals:
        asked.append(len(peaks))
        return Intervals(150.0, 100 * float(lead.max()), 400.0 if lead.max() > 1 else None)

    monkeypatch.setattr(tables.find("ecg_features"), "intervals", measured)
    return asked


def test_numbers_that_are_read_off_a_draw_differ_by_how_much_its_waves_do(paths: list[Path], timed: list[int]) -> None:
    found = values(paths, "ecg_features")
    # |N(0, 2·SPREAD²)| of exact draws; an R wave of a made beat is as high as it was made
    expected = (2 / np.pi) ** 0.5 * 2**0.5 * SPREAD
    assert found["exact", "R in V5, mV"][0] == pytest.approx(expected, rel=0.15)
    assert found["exact", "R, mV"][0] == pytest.approx(expected, rel=0.08)
    assert found["posterior_mean", "R, mV"][0] == pytest.approx(expected / 2**0.5, rel=0.08)
    # Sokolow-Lyon is the larger R of V5 and V6, where V1 has no S
    assert 0 < found["posterior_mean", "Sokolow-Lyon, mV"][0] < found["exact", "Sokolow-Lyon, mV"][0] < 2 * expected
    assert found["exact", "axis, °"][0] > found["posterior_mean", "axis, °"][0] > 0
    assert found["exact", "heart rate, bpm"][0] is None and found["exact", "R in I, mV"][0] is None  # beats; measured
    assert found["exact", "draws with beats"][0] == 1


def test_intervals_are_of_the_first_draw_and_count_where_both_have_them(paths: list[Path], timed: list[int]) -> None:
    found = values(paths, "ecg_features")
    # |N(0, 2·SPREAD²)| of one draw a record: a relative standard error of .76 / √60 = .1
    assert found["exact", "QRS, ms"][0] == pytest.approx(100 * 2 / np.pi**0.5 * SPREAD, rel=0.4)
    assert found["posterior_mean", "QRS, ms"][0] < found["exact", "QRS, ms"][0]
    assert found["exact", "PR, ms"] == (0, 0, 0) and found["exact", "QT, ms"] == (0, 0, 0)
    assert 0.2 < found["exact", "draws with P, QRS, T"][0] < 0.8
    assert timed == [1] * 4 * RECORDS  # the truth once, and one draw of each of three runs


def test_intervals_are_of_the_beats_that_were_missing(timed: list[int]) -> None:
    x = beat(np.ones(8)).tile(1, 4).double().numpy()
    missing = np.zeros(x.shape, bool)
    missing[:, 2 * TIME :] = True
    one = _ecg.Restored(x[None], x, missing, 100.0)
    truths: dict[tuple[str, ...], Intervals] = {}
    found = tables.find("ecg_features")._timed(one, truths, ("d", "t", "r"))  # type: ignore[attr-defined]
    assert timed == [2, 2] and list(truths) == [("d", "t", "r", "II")] and found["QRS, ms"] == 0


def test_a_record_of_several_beats_has_a_rate(tmp_path: Path, timed: list[int]) -> None:
    found = values(artifacts(tmp_path, beats=4, draws=1), "ecg_features")
    assert found["exact", "heart rate, bpm"][0] == pytest.approx(0, abs=0.5)  # every beat is where the truth has it


def test_labels_follow_what_lead_i_tells_and_shrinking_does_not_hurt_them(tmp_path: Path, paths: list[Path]) -> None:
    """Of R waves around 2.5 mV lead I tells most, and a shrunk draw is as large as another where the other is."""
    found = values(artifacts(tmp_path, height=2.42), "ecg_diagnosis")
    name = "Sokolow-Lyon from 2.5 mV"
    for sampler in ("exact", "shrunk", "posterior_mean"):
        value, low, high = found[sampler, name]
        assert low < value < high and 0.72 < value < 0.98
    # made beats have no S wave and axes near 30°, so that no record has the other labels
    assert found["exact", "transition after V4"][0] is None and found["exact", "axis left of 0°"][0] is None
    assert values(paths, "ecg_diagnosis")["exact", name][0] is None  # R waves of 1 mV
