"""Names of leads, and limb leads out of any two of them, on a real recording."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from posterity.ecg import leads
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS


@pytest.mark.parametrize(
    ("spelling", "lead"),
    [
        ("I", "I"), ("ii", "II"), ("avr", "aVR"), ("AVR", "aVR"), (" V3 ", "V3"), ("Lead I (Einthoven)", "I"),
        ("Lead aVL", "aVL"), ("lead_v6", "V6"), ("MDC_ECG_LEAD_AVF", "aVF"), ("mdc_ecg_lead_III", "III"),
        ("ECG V1", "V1"), ("ECG Lead II", "II"), ("aVL (Goldberger)", "aVL"), ("V2 (Wilson)", "V2"),
    ],
)  # fmt: skip
def test_a_lead_has_one_name_in_any_spelling(spelling, lead):
    assert leads.canonical(spelling) == lead


@pytest.mark.parametrize("name", ["V7", "MLII", "-aVR", "IV", "", "lead", "I (mmHg)", "x" * 10_000])
def test_another_lead_is_refused_in_one_short_line(name):
    with pytest.raises(PosterityError, match=r"there is no lead .*; choose out of I, II, III, aVR") as raised:
        leads.canonical(name)
    assert len(str(raised.value)) < 160


def test_a_lead_that_is_there_twice_is_refused():
    with pytest.raises(PosterityError, match="lead aVR is there twice, as 'aVR' and 'MDC_ECG_LEAD_AVR'"):
        leads.canonical_all(["I", "aVR", "MDC_ECG_LEAD_AVR"])


def test_any_two_limb_leads_of_a_real_recording_determine_the_other_four(real):
    """The recorder rounds to 1.25 µV, and dividing by a difference of two leads makes that a few times larger."""
    limb = real.values[: len(leads.LIMB)]
    assert real.names == leads.STANDARD
    for pair in combinations(leads.LIMB, 2):
        made = leads.complete(limb[[leads.LIMB.index(lead) for lead in pair]], pair)
        np.testing.assert_allclose(made[:6], limb, rtol=0, atol=0.005)
        assert np.isnan(made[6:]).all()


def test_twelve_leads_of_eight_are_exact_and_keep_the_eight(real):
    eight = real.values[[real.names.index(lead) for lead in LEADS]]
    made = dict(zip(leads.STANDARD, leads.twelve(eight), strict=True))
    for lead, row in zip(LEADS, eight, strict=True):
        np.testing.assert_array_equal(made[lead], row)
    np.testing.assert_array_equal(made["III"], made["II"] - made["I"])
    np.testing.assert_array_equal(made["aVR"], -(made["I"] + made["II"]) / 2)
    np.testing.assert_allclose(made["aVR"] + made["aVL"] + made["aVF"], 0, atol=1e-12)


def test_what_is_measured_stays_and_one_limb_lead_determines_none(real):
    alone = leads.complete(real.values[[0, 7]], ("I", "V2"))
    assert np.isnan(alone[1:6]).all() and not np.isnan(alone[[0, 7]]).any()
    spans = real.values[:3].copy()
    spans[0, :5000], spans[1, 2500:7500], spans[2, 9000:] = np.nan, np.nan, np.nan
    made = leads.complete(spans, leads.LIMB[:3])
    known = ~np.isnan(spans)
    np.testing.assert_array_equal(made[:3][known], spans[known])
    assert np.isnan(made[0, 2500:5000]).all()  # III alone is known there
    assert not np.isnan(made[:6, :2500]).any() and not np.isnan(made[:6, 5000:9000]).any()
    np.testing.assert_allclose(made[0, :2500], real.values[0, :2500], rtol=0, atol=0.005)
