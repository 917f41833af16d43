"""PR, QRS and QT of a real recording, whose device measured 161, 75 and 368 ms, and of what is done to it."""

from __future__ import annotations

import numpy as np
import pytest

from posterity.ecg import beats
from posterity.ecg.intervals import Intervals, intervals
from posterity.ecg.leads import STANDARD

II = STANDARD.index("II")
DEVICE = {"pr": 161, "qrs": 75, "qt": 368}
WITHIN = 25
"""In ms: two boundaries, for each of which openecg's authors report 11 ms as the median error against cardiologists."""


def of_beat(beat: np.ndarray, rate: float, later: int = 0) -> Intervals:
    """The intervals of one beat, whose R peak may have moved by some samples."""
    return intervals(beat, rate, [round(beats.BEFORE * rate) + later])


@pytest.mark.parametrize("rate", [1000, 100])
def test_intervals_are_near_those_of_the_device_at_every_rate(real, rate):
    values = beats.resampled(real.values, 1000, rate)
    record = intervals(values[II], rate, beats.r_peaks(values, rate))
    for found in (record, of_beat(beats.median_beat(values, rate)[II], rate)):
        assert {name: getattr(found, name) for name in DEVICE} == pytest.approx(DEVICE, abs=WITHIN)


def test_a_short_record_measures_as_the_whole_one(real):
    """2.56 s, as samplers restore them, in four places."""
    values = beats.resampled(real.values, 1000, 100)
    whole = intervals(values[II], 100, beats.r_peaks(values, 100))
    for begin in (0, 256, 512, 740):
        part = values[:, begin : begin + 256]
        found = intervals(part[II], 100, beats.r_peaks(part, 100))
        for name in DEVICE:
            assert getattr(found, name) == pytest.approx(getattr(whole, name), abs=WITHIN)


@pytest.mark.parametrize(("at", "longer"), [(-0.06, {"pr": 40}), (0.09, {"qt": 40})])
def test_what_is_put_in_between_two_waves_lengthens_their_interval(real, at, longer):
    """40 ms of level, before QRS and after it."""
    rate = 500
    beat = beats.median_beat(beats.resampled(real.values, 1000, rate), rate)[II]
    place = round((beats.BEFORE + at) * rate)
    added = np.concatenate([beat[:place], np.full(20, beat[place]), beat[place:]])
    before, after = of_beat(beat, rate), of_beat(added, rate, 20 if at < 0 else 0)
    for name in DEVICE:
        wanted = getattr(before, name) + longer.get(name, 0)
        assert getattr(after, name) == pytest.approx(wanted, abs=15)


def test_what_has_no_waves_has_no_intervals():
    nothing = Intervals(None, None, None)
    assert intervals(np.zeros(256), 100, [60, 150]) == nothing
    assert intervals(np.zeros(256), 100, []) == nothing
    assert intervals(np.zeros(20), 100, [10]) == nothing  # no room for a beat
