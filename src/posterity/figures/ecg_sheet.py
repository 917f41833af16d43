"""The twelve leads of one restored record on paper, as a cardiologist reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, style
from posterity.tables import _ecg
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "gallery"
TITLE = "A restored ECG on paper"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """3×4 leads and a rhythm strip: measured black; of what was restored, two draws and a band that holds 90 % of them.

    Settings may name an ``item``; without one it is the first.
    """
    from posterity.ecg import paper
    from posterity.ecg.files.record import Record
    from posterity.ecg.leads import STANDARD
    from posterity.metrics import ecg

    artifact = _ecg.runs(frames)[0]
    found = dict(_ecg.restored(frames, artifact.key))
    item = choose.items(found, {}, 1)[0]
    one = found[item]
    measured = ecg.twelve(one.truth)
    measured[ecg.twelve_missing(one.missing)] = np.nan
    draws = [Record(x, STANDARD, one.rate) for x in ecg.twelve(one.draws)]
    title = f"{item}: {style.name(artifact.key['task'])}, {style.sampler(frames, artifact.key['sampler'])}"
    figure = paper.sheet(Record(measured, STANDARD, one.rate), draws, title=title)
    caption = (
        f"Record {item} of {choose.words(artifact.key)}: {len(draws)} draws. Blue is restored, not measured: two "
        "single draws and a band between the 5 % and the 95 % quantile. 25 mm/s, 10 mm/mV in print. Research use; "
        "not for diagnosis."
    )
    return style.Drawn(figure, caption)
