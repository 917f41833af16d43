"""Restores a record with gaps: each result is a posterior draw, resampled to the rate of the measurement."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posterity import signals
from posterity.ecg import beats
from posterity.ecg.files.record import Record
from posterity.ecg.leads import STANDARD, twelve
from posterity.ecg.paper import NOTICE, RESTORED
from posterity.errors import PosterityError
from posterity.front import restoring
from posterity.front.ecg import missing
from posterity.front.ecg import prior as known
from posterity.front.measuring import Measurement
from posterity.front.restorations import Restorations
from posterity.front.samplers import Guidance
from posterity.operators.masks import Inpainting
from posterity.signals.ecg import LEADS

__all__ = ["LONGEST", "Restored", "restore"]

_log = logging.getLogger(__name__)
Array = NDArray[np.float64]
LONGEST = 120.0
"""Maximum length in seconds of a record."""
_BESIDE = 1.5
"""Samples at the prior's rate beside a gap that count as missing, because resampling mixes them with the gap."""


@dataclass(frozen=True)
class Restored:
    """An ECG and its restorations.

    Arguments:
        record: the measured record, with hidden parts removed.
        measured: the twelve leads where they are known, (12, time) in mV, NaN elsewhere.
        pool: draws of the eight leads at the prior's rate.
        draws: the twelve leads of every draw in mV at the record's rate, (N, 12, time); measured values are unchanged.
        remarks: warnings about unusual records.
    """

    record: Record
    measured: Array
    pool: Restorations
    draws: Array
    remarks: Sequence[str]

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Return a mask (12, time), True where a value was restored."""
        absent: NDArray[np.bool_] = np.isnan(self.measured)
        return absent

    @property
    def leads(self) -> Sequence[str]:
        """Return the leads that were restored in part or completely."""
        return [lead for lead, row in zip(STANDARD, self.gaps, strict=True) if row.any()]

    def drawn(self, number: int) -> Record:
        """Return one draw as a record that is labelled as restored."""
        return self._record(self.draws[number], f"sample {number} of {len(self.draws)}")

    @property
    def mean(self) -> Record:
        """Return the mean of the draws as a record that is labelled as restored."""
        return self._record(self.draws.mean(0), f"mean of {len(self.draws)} samples")

    def _record(self, values: Array, what: str) -> Record:
        about = self.pool.about
        how = f"prior {about['prior']}, sampler {about['sampler']['name']}, seed {about['seed']}"
        said = (NOTICE, f"{RESTORED}: {', '.join(self.leads)} ({what})", f"posterity: {how}")
        return Record(values, STANDARD, self.record.rate, said)


def restore(
    record: Record, *, prior: str | None = None, sampler: str | Path = "exact", samples: int = 40,
    guidance: Guidance | None = None, coupled: bool | int = False, seed: int = 0, sigma_y: float = known.NOISE,
    item: str = "ecg",
) -> Restored:  # fmt: skip
    """Draw the missing parts of a record.

    Arguments:
        record: NaN where a value is missing; leads that it does not have are missing too.
        prior: an ECG network by name or file, which sees the record in overlapping windows; by default the
            stationary Gaussian, the only prior with exact draws.
        sampler, samples, guidance, coupled, seed: as in :func:`posterity.restore`.
        sigma_y: noise level of the measurement in mV.
        item: the record's name, which seeds the draws.

    Raises:
        PosterityError: if nothing is missing, or the record is too long.
    """
    if record.seconds > LONGEST:
        raise PosterityError(f"it lasts {record.seconds:g} s, at most {LONGEST:g} s are restored; cut a part out of it")
    every = missing.known(record)
    fit, card = known.shipped()
    slow, keep = _slow(every[[STANDARD.index(lead) for lead in LEADS]], record.rate, fit.rate)
    if record.rate != fit.rate:
        _log.warning("resampled from %g to %g samples per second, the prior's rate", record.rate, fit.rate)
    used = known.gaussian(fit, card, slow.shape[1]) if prior is None else known.network(prior, slow.shape[1])
    operator = Inpainting(torch.from_numpy(keep).double()[None], used.signal_shape)
    y = operator(torch.from_numpy(slow)[None])
    measurement = Measurement(y, operator, sigma_y, "", item, None, signals.find("ecg", fit.rate))
    remarks = _unlikely(fit, card, slow, keep)
    for remark in remarks:
        _log.warning("%s", remark)
    asked: dict[str, Any] = {"guidance": guidance, "coupled": coupled, "seed": seed}
    pool = restoring.restore(measurement, prior=used, sampler=sampler, samples=samples, **asked)
    draws = np.stack([_whole(every, x.double().numpy(), record, fit.rate) for x in pool.samples])
    return Restored(record, every, pool, draws, remarks)


def _slow(eight: Array, rate: float, wanted: float) -> tuple[Array, NDArray[np.bool_]]:
    """Return the leads (8, time) at the prior's rate, 0 where missing, and the mask (8, time) of known values."""
    seen = ~np.isnan(eight)
    times = np.arange(eight.shape[1])
    filled = np.stack(
        [
            np.interp(times, times[row], x[row]) if row.any() else np.zeros(len(x))
            for x, row in zip(eight, seen, strict=True)
        ]
    )
    slow = beats.resampled(filled, rate, wanted)
    if rate == wanted:
        return np.where(seen, slow, 0.0), seen
    reach, ends = _BESIDE * rate / wanted, np.arange(slow.shape[1]) * rate / wanted
    first = np.clip(np.ceil(ends - reach), 0, None).astype(int)
    last = np.clip(np.floor(ends + reach), None, eight.shape[1] - 1).astype(int)
    count = np.cumsum(np.pad(~seen, ((0, 0), (1, 0))), axis=1)  # number of missing samples before each
    whole = count[:, last + 1] - count[:, np.minimum(first, last)] == 0
    return np.where(whole, slow, 0.0), whole


def _whole(every: Array, draw: Array, record: Record, rate: float) -> Array:
    """Return the twelve leads (12, time) of a draw (8, n) at the record's rate, with known values unchanged."""
    fast = beats.resampled(draw, rate, record.rate)[:, : every.shape[1]]
    eight = every[[STANDARD.index(lead) for lead in LEADS]]
    filled = np.where(np.isnan(eight), fast, eight)
    return np.where(np.isnan(every), twelve(filled), every)


def _unlikely(fit: known.Fit, card: Mapping[str, Any], slow: Array, keep: NDArray[np.bool_]) -> list[str]:
    """Return warnings about leads that are unlikely under the prior, e.g. paced, or with another filter or gain."""
    found = known.evidence(fit, torch.from_numpy(slow)[None])[0].tolist()
    low, high = [], []
    for lead, value, whole in zip(LEADS, found, np.all(keep, axis=1), strict=True):
        least, most = card["evidence"]["quantiles"][lead]
        low += [lead] if whole and value < least else []
        high += [lead] if whole and value > most else []
    said = [(low, "less likely than 99.5 % of its training records: paced, another gain, another filter?"),
            (high, "calmer than 99.5 % of its training records: another gain, a strong filter?")]  # fmt: skip
    return [f"to the prior {_are(leads)} {why}" for leads, why in said if leads]


def _are(leads: Sequence[str]) -> str:
    return f"{', '.join(leads)} {'is' if len(leads) == 1 else 'are'}"
