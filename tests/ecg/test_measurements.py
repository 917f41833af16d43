"""Numbers of a real recording beside those that its device measured: RR 982 ms, QRS axis 52°."""

from __future__ import annotations

import numpy as np
import pytest

from posterity.ecg import beats, files
from posterity.ecg.leads import STANDARD
from posterity.ecg.measurements import measure, qrs_mask


@pytest.mark.parametrize("rate", [1000, 500, 100])
def test_a_real_recording_measures_as_its_device_says(real, rate):
    found = measure(beats.resampled(real.values, 1000, rate), real.names, rate)
    assert found.rr == pytest.approx(982, abs=10) and found.heart_rate == pytest.approx(61.1, abs=0.7)
    assert found.axis == pytest.approx(52, abs=3)


def test_amplitudes_are_those_that_one_reads_off_the_counts(real):
    """Of single beats, from the value 60 to 90 ms before R: the median beat may differ by how beats vary."""
    found = measure(real.values, real.names, real.rate)
    for lead in ("I", "II", "V1", "V5", "V6"):
        row = real.values[STANDARD.index(lead)]
        heights, depths = [], []
        for peak in beats.r_peaks(real.values, real.rate)[1:-1]:
            level = np.median(row[peak - 90 : peak - 59])
            heights.append(row[peak - 50 : peak + 51].max() - level)
            depths.append(level - row[peak - 50 : peak + 51].min())
        assert min(heights) <= found.r[lead] <= max(heights) and min(depths) <= found.s[lead] <= max(depths)
    assert found.sokolow_lyon == pytest.approx(found.s["V1"] + found.r["V5"])


def test_every_format_gives_the_same_numbers(real, tmp_path):
    files.write(real, tmp_path / "x")
    again = files.read(tmp_path / "x.hea")
    one, other = (measure(record.values, record.names, record.rate) for record in (real, again))
    assert other.rr == one.rr and other.axis == pytest.approx(one.axis, abs=0.1)
    assert other.r == pytest.approx(one.r, abs=0.001)


def test_swapped_arms_mirror_the_axis(real):
    """The left arm's electrode on the right arm: I turns round, and II and III change places."""
    swapped = real.values.copy()
    swapped[0], swapped[1], swapped[2] = -real.values[0], real.values[2], real.values[1]
    before = measure(real.values[:3], STANDARD[:3], 1000).axis
    assert measure(swapped[:3], STANDARD[:3], 1000).axis == pytest.approx(180 - before, abs=1)


def test_a_gain_scales_amplitudes_and_nothing_else(real):
    one, twice = (measure(k * real.values, real.names, 1000) for k in (1, 2))
    assert twice.sokolow_lyon == pytest.approx(2 * one.sokolow_lyon) and twice.axis == pytest.approx(one.axis)
    assert twice.rr == one.rr


def test_what_a_number_needs_must_be_measured(real):
    without = [
        real.without(names) for names in (["V1"], ["II", "aVR", "aVL", "aVF"], ["II", "III", "aVR", "aVL", "aVF"])
    ]
    no_v1, two_limbs, one_limb = (measure(record.values, record.names, 1000) for record in without)
    assert no_v1.sokolow_lyon is None and no_v1.axis is not None and "V1" not in no_v1.r
    assert two_limbs.axis == pytest.approx(52, abs=3) and two_limbs.r.keys() == set(STANDARD)
    assert one_limb.axis is None and one_limb.sokolow_lyon is not None
    nothing = measure(np.full((12, 3000), np.nan), STANDARD, 1000)
    assert nothing.rr is None and nothing.heart_rate is None and not nothing.r


def test_qrs_is_a_tenth_of_the_time_and_most_of_the_slope(real):
    for rate in (1000, 100):
        values = beats.resampled(real.values, 1000, rate)
        inside = qrs_mask(values, rate)
        assert inside.sum() == 10 * (2 * round(0.05 * rate) + 1)
        steep = np.square(np.gradient(values, axis=1)).sum(0)
        assert steep[inside].sum() > 0.75 * steep.sum()
    hidden = real.values.copy()
    hidden[3] = np.nan
    assert (qrs_mask(hidden, 1000) == qrs_mask(real.values, 1000)).mean() > 0.99
