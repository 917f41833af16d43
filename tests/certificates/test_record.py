"""Certificates as rows and back, through a file; what is expected of a sampler, and what counts as a failure."""

import json
from dataclasses import replace

import pytest

from posterity.artifacts import store
from posterity.artifacts.schemas import SCHEMAS
from posterity.certificates import record
from posterity.certificates.expectations import Key, learn, parse, unexpected
from posterity.certificates.finding import Band, Finding, overall, verdicts
from posterity.certificates.panel import Certificate
from posterity.errors import PosterityError
from posterity.stages import _expected

KEY = Key("dps", '{"steps": 20}', "gaussian", "inpaint", 16, "quick")


def certificate(*findings, sampler="dps", expected=None, **others):
    each = tuple(verdicts(findings, expected))
    about = {"forwards": 20, "backwards": 20, "seconds": 1.5, "peak_bytes": 7, "rows": 100}
    known = (sampler, "gaussian", "inpaint", "quick", 0)
    return replace(Certificate(*known, findings, each, overall(each), **about), **others)


SPREAD = Finding("spread", "overall", 0.7, 0.01, 1.0, 0.05, floor=0.02, note="mean of 8 directions")
SEEN = Finding("seen", value=3.0, decides=False)
ABSENT = Finding("modes", note="there is one mode")


def test_rows_hold_everything_through_a_file(tmp_path):
    wanted = [
        certificate(SPREAD, SEEN, ABSENT),
        certificate(sampler="mgps", verdict="n/a", reason="needs noise"),
        certificate(SPREAD, sampler="dps_", verdict="diverged", reason="1 % of the draws"),
    ]
    rows = [row for c in wanted for row in record.rows(c, "{}", 16)]
    assert len(rows) == 5 and {*rows[0]} == {*SCHEMAS["certificates"].names}
    store.write(tmp_path / "c.parquet", "certificates", rows, {})
    assert record.certificates(store.read(tmp_path / "c.parquet", "certificates").to_pylist()) == wanted


def test_runs_that_differ_in_settings_alone_stay_apart():
    rows = [row for settings in ("{}", '{"steps": 9}') for row in record.rows(certificate(SPREAD), settings, 16)]
    assert record.certificates(rows) == [certificate(SPREAD)] * 2


def test_a_band_is_four_deviations_of_the_seeds_or_of_the_error():
    wide = learn([certificate(replace(SPREAD, value=v)) for v in (0.60, 0.70, 0.80)])
    assert wide.bands.keys() == {"spread/overall"} and (wide.seeds, wide.diverges) == (3, False)
    assert wide.bands["spread/overall"].low == pytest.approx(0.7 - 4 * 0.1, abs=1e-4)
    narrow = learn([certificate(SPREAD), certificate(SPREAD)])  # by chance the same: the error is 0.01 all the same
    assert narrow.bands["spread/overall"].high == pytest.approx(0.7 + 4 * 0.01, abs=1e-4)
    exact = learn([certificate(replace(SPREAD, error=0.0))] * 2).bands["spread/overall"]
    assert 0 < exact.high - exact.low < 1e-4  # no chance, but other machines round otherwise


def test_what_reports_only_and_what_does_not_apply_has_no_band():
    assert not learn([certificate(SEEN, ABSENT)]).bands


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.71, "approximate"), (0.5, "regressed"), (0.9, "improved"), (1.0, "exact")]
)
def test_leaving_the_band_is_a_regression_or_an_improvement(value, verdict):
    bands = learn([certificate(SPREAD)] * 3).bands
    later = certificate(replace(SPREAD, value=value), expected=bands)
    assert later.verdict == verdict and unexpected(later, None) == (verdict == "regressed")


def test_divergence_is_a_failure_unless_it_is_known():
    diverged = certificate(SPREAD, verdict="diverged")
    assert unexpected(diverged, None) and unexpected(diverged, learn([certificate(SPREAD)]))
    assert not unexpected(diverged, learn([certificate(SPREAD), diverged]))
    assert not unexpected(certificate(verdict="n/a"), None)


def test_expectations_are_kept_in_a_file_entry_by_entry(tmp_path):
    assert _expected.load(tmp_path, "dps") == {}
    first, second = learn([certificate(SPREAD)] * 2), learn([certificate(replace(SPREAD, value=0.9))] * 3)
    other = replace(KEY, task="denoise")
    _expected.save(tmp_path, "dps", {KEY: first, other: first})
    _expected.save(tmp_path, "dps", {KEY: second})
    found = _expected.load(tmp_path, "dps")
    assert found.keys() == {KEY, other} and (found[KEY].seeds, found[other].seeds) == (3, 2)
    assert found[KEY].bands["spread/overall"].low == pytest.approx(0.86, abs=1e-4)
    content = json.loads((tmp_path / "dps.json").read_text())
    assert content["made by"] == "posterity verify dps --update-expectations"
    assert [parse(entry)[0] for entry in content["entries"]] == [other, KEY]


def test_six_digits_do_not_lose_what_the_band_is_of(tmp_path):
    finding = replace(SPREAD, value=1234.56789012, error=0.0)
    _expected.save(tmp_path, "dps", {KEY: learn([certificate(finding)] * 2)})
    bands = _expected.load(tmp_path, "dps")[KEY].bands
    assert isinstance(bands["spread/overall"], Band) and certificate(finding, expected=bands).verdict == "approximate"


@pytest.mark.parametrize("text", ["{", "[]", '{"entries": [{"bands": {}}]}', '{"entries": [{"bands": {"a": 1}}]}'])
def test_a_damaged_file_is_one_line(tmp_path, text):
    (tmp_path / "dps.json").write_text(text)
    with pytest.raises(PosterityError, match=r"dps\.json holds no expectations"):
        _expected.load(tmp_path, "dps")
