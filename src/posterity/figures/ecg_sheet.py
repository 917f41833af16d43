"""The twelve leads of one restored record on paper, as a cardiologist reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, style
from posterity.tables import _ecg
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("ecg",)
SECTION = "gallery"
TITLE = "A restored ECG on paper"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw 3×4 leads and a rhythm strip: measured parts in black, restored ones as two draws and a 90 % band.

    The record is the first of the first run with records of at least 2.56 s; single beats do not fill a sheet.
    """
    from posterity.ecg import comparison, paper
    from posterity.ecg.files.record import SHORTEST, Record
    from posterity.ecg.leads import STANDARD

    for artifact in _ecg.runs(frames):
        found = dict(_ecg.restored(frames, artifact.key))
        item = choose.items(found, {}, 1)[0]
        one = found[item]
        if one.truth.shape[1] >= SHORTEST * one.rate:
            break
    else:
        raise frames.missing("samples", none=f"of records of {SHORTEST:g} s; a single beat does not fill a sheet")
    measured = comparison.twelve(one.truth).astype(np.float64)
    measured[comparison.twelve_missing(one.missing)] = np.nan
    draws = [Record(x.astype(np.float64), STANDARD, one.rate) for x in comparison.twelve(one.draws)]
    title = f"{item}: {style.name(artifact.key['task'])}, {style.sampler(frames, artifact.key['sampler'])}"
    figure = paper.sheet(Record(measured, STANDARD, one.rate), draws, title=title)
    caption = (
        f"Record {item} of {choose.words(artifact.key)}: {len(draws)} draws. Blue is restored, not measured: two "
        "single draws and a band between the 5 % and the 95 % quantile. 25 mm/s, 10 mm/mV in print. Research use; "
        "not for diagnosis."
    )
    return style.Drawn(figure, caption)
