"""Verdicts: by equivalence, Holm over the panel, against stored bands."""

import pytest

from posterity.certificates.expectations import learn
from posterity.certificates.finding import Band, Finding, overall, verdicts
from posterity.certificates.panel import Certificate


def finding(value, error=0.01, **more):
    return Finding("spread", "overall", value, error, 1.0, 0.05, **more)


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (1.01, 0.01, "exact"),
        (1.04, 0.01, "open"),  # the interval leaves the margin, but chance may have done it
        (1.0, 0.2, "open"),  # absence of rejection is not exactness
        (1.06, 0.01, "open"),
        (1.20, 0.01, "approximate"),
        (0.80, 0.0, "approximate"),
        (1.04, 0.0, "exact"),
    ],
)
def test_exact_is_an_interval_within_the_margin(value, error, verdict):
    assert verdicts([finding(value, error)]) == [verdict]


def test_more_findings_ask_for_more_evidence():
    """Outside by 3.5 errors: p = 0.0005 is below 0.001, but not below a fifth of it."""
    near = finding(1.05 + 0.035)
    assert verdicts([near]) == ["approximate"]
    assert verdicts([near, *[finding(1.0)] * 4]) == ["open", *["exact"] * 4]
    assert verdicts([finding(1.05 + 0.035, trials=16)]) == ["open"]


def test_what_does_not_decide_or_apply_is_not_counted():
    found = [finding(3.0, decides=False), Finding("modes", note="one mode"), finding(1.0)]
    assert verdicts(found) == ["reported", "n/a", "exact"]
    assert overall(verdicts(found)) == "exact"
    assert overall([]) == "n/a" and overall(["reported", "n/a"]) == "reported"


def test_a_stored_band_tells_regressions_from_known_errors():
    band = {"spread/overall": Band(0.45, 0.55)}
    assert verdicts([finding(0.5)], band) == ["approximate"]
    assert verdicts([finding(0.3)], band) == ["regressed"]
    assert verdicts([finding(0.8)], band) == ["improved"]
    assert verdicts([finding(1.0)], band) == ["exact"]
    assert verdicts([finding(1.7)], band) == ["regressed"]


def test_the_side_of_a_single_number_counts():
    band = {"spread/overall": Band(0.45, 0.55)}
    assert verdicts([finding(1.52)], band) == ["regressed"]


def certificate(found):
    return Certificate("mine", "gaussian", "inpaint", "quick", 0, (found,), ("open",), "open", 1, 0, 0.0, 0, 1)


def worst(value, target=0.0):
    """A worst of nine, as the statistics that look along directions or at levels have."""
    return Finding("calibration", "first entry", value, 0.007, target, 0.05, trials=9)


def test_the_worst_of_several_may_lie_on_either_side():
    band = {"calibration/first entry": Band(-0.33, -0.27)}
    assert verdicts([worst(-0.3), worst(0.3)], band) == ["approximate", "approximate"]
    assert verdicts([worst(0.4), worst(-0.4)], band) == ["regressed", "regressed"]
    assert verdicts([worst(0.2), worst(-0.2)], band) == ["improved", "improved"]


def test_sides_do_not_widen_a_band_of_the_worst_of_several():
    runs = [certificate(worst(value, 1.0)) for value in (1.3, 0.7, 0.69, 1.31, 0.7)]
    band = learn(runs).bands["calibration/first entry"]
    assert 1.25 < band.low < 1.3 and 1.31 < band.high < 1.35


def test_a_band_is_four_deviations_wide():
    band = Band.of([1.0, 1.1, 0.9])
    assert band.low == pytest.approx(1 - 4 * 0.1, abs=1e-3) and band.high == pytest.approx(2 - band.low)
    assert Band.of([1.0, 1.1], [0.2, 0.3]).high == pytest.approx(1.05 + 4 * 0.3, abs=1e-3)
    same = Band.of([0.3, 0.3])
    assert same.low < 0.3 < same.high < 0.3 + 2e-5
    assert Finding("a").key == "a" and finding(1.0).key == "spread/overall"


def test_the_worst_verdict_is_the_panels():
    assert overall(["exact", "open", "approximate", "reported"]) == "approximate"
    assert overall(["improved", "approximate", "regressed"]) == "regressed"
