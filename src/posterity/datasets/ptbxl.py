"""PTB-XL: clinical ECGs of ten seconds with diagnoses, from the published archive or its folder."""

from __future__ import annotations

import ast
import csv
import io
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity import signals
from posterity.assets.archives import Archive, opened
from posterity.datasets.items import DataSet, Item, Outline, shuffled
from posterity.ecg import beats, leads
from posterity.ecg.files import wfdb_record
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS

__all__ = ["RATE", "SELECTIONS", "Row", "cleaned", "outline", "prepare", "table"]

RATE = 100.0
"""Samples per second."""
SELECTIONS = {"raw100": "filename_lr", "filtered": "filename_hr"}
"""Selections, each with the column of the table that names its records."""
SPLITS = ("prior", "validation", "test")
_LENGTH = 1000
"""Samples of a whole record."""
_TESTS = 2203
"""Test records (Janati et al. 2025, Table 12)."""
_TABLE = "ptbxl_database.csv"
_SUFFIXES = (".hea", ".dat")
_COLUMNS = ("ecg_id", "patient_id", "scp_codes", "strat_fold")
_MAINS, _QUALITY = (50.0, 60.0), 50
"""Hz that are notched out, and the notch's quality factor."""
_HIGH_PASS, _ORDER = 0.6, 5
"""Hz below which baseline wander is removed, and the order of the Butterworth filter."""

_LICENSE = """\
PTB-XL, a large publicly available electrocardiography dataset (P. Wagner, N. Strodthoff, R.-D. Bousseljot, W. Samek and
T. Schaeffter, PhysioNet, version 1.0.3, 2022), under CC BY 4.0.
Changes: the eight independent leads, {size} samples at 100 Hz, {how}.
"""
_HOW = {
    "raw100": "as distributed at that rate",
    "filtered": "without 50 Hz, 60 Hz and what is slower than 0.6 Hz (which also changes ST segments)",
}

Array = NDArray[np.floating[Any]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One record of the table.

    Arguments:
        id: five digits.
        patient: number of the person, who is in one split alone.
        split: one of ``SPLITS``.
        codes: its SCP codes, of any likelihood.
        files: column → name of its record, relative to the table.
    """

    id: str
    patient: int
    split: str
    codes: Sequence[str]
    files: Mapping[str, str]


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline: the number of test records; their codes are known after preparation."""
    _check(select)
    return Outline(min(_TESTS, count or _TESTS), SPLITS, kind=signals.find("ecg", RATE))


def prepare(source: Path, select: str, size: int, count: int | None = None) -> DataSet:
    """Prepare records, or a stretch at a random, fixed place in each.

    Records with a missing value are left out, and named in the log.

    Arguments:
        source: the archive, or the folder that it unpacks to, with ptbxl_database.csv.
        select: "raw100", the records at 100 Hz as distributed, or "filtered", those at 500 Hz after :func:`cleaned`.
        size: samples at 100 Hz, 256 to 1000.
        count: number of records of each split, a fixed selection; None for all.
    """
    from posterity.diffusion.noise import generator  # imports torch, which configurations do without

    _check(select)
    if not 256 <= size <= _LENGTH:
        raise PosterityError(f"size is {size}, but records of PTB-XL have 256 to {_LENGTH} samples at {RATE:g} Hz")
    items = []
    with opened(source) as content:
        base, rows = table(content, source)
        known = set(content.names)
        for row in _chosen(rows, count):
            name = row.files[SELECTIONS[select]]
            if not {f"{base}{name}{suffix}" for suffix in _SUFFIXES} <= known:
                raise PosterityError(f"{source} has no {base}{name[:80]} with {' and '.join(_SUFFIXES)}")
            values = _record(content, base + name, select)
            if np.isnan(values).any():
                _log.warning("%s is left out: it has missing values", name)
                continue
            start = int(generator("ptbxl", row.id).integers(values.shape[1] - size + 1))
            part = values[:, start : start + size].astype(np.float32)
            subject = f"patient {row.patient}"
            items.append(Item(row.id, f"ECG {int(row.id)}", "recorded", row.split, row.codes, part, subject=subject))
    how = _HOW[select]
    return DataSet(items, _LICENSE.format(size=size, how=how), kind=signals.find("ecg", RATE))


def table(content: Archive, source: Path) -> tuple[str, list[Row]]:
    """Return the folder of the table within the archive, and its rows.

    Folds 1 to 8 are the split "prior", 9 is "validation" and 10 "test".

    Raises:
        PosterityError: if there is no table, or a row of it is not as published.
    """
    found = sorted((n for n in content.names if n.rpartition("/")[2] == _TABLE), key=len)
    if not found:
        raise PosterityError(f"{source} has no {_TABLE}")
    lines = csv.DictReader(io.StringIO(content.read(found[0]).decode("utf-8", "replace")))
    lacking = [c for c in (*_COLUMNS, *SELECTIONS.values()) if c not in (lines.fieldnames or ())]
    if lacking:
        raise PosterityError(f"{source}: {found[0]} has no column {', '.join(lacking)}")
    return found[0].removesuffix(_TABLE), [_row(line, f"{source}: {found[0]}") for line in lines]


def cleaned(record: Array, rate: float) -> Array:
    """Remove mains and baseline wander from a record (leads, time), and resample it to 100 Hz, without a delay.

    As the public code of the ECG part of Janati et al. 2025 does: between its own mirror images the record passes
    notches at 50 and 60 Hz and a high-pass at 0.6 Hz, each forwards and backwards.
    """
    from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt

    mirrored = record[:, ::-1]
    x = np.concatenate([mirrored, record, mirrored], axis=1)
    for mains in _MAINS:
        x = filtfilt(*iirnotch(mains, _QUALITY, fs=rate), x, axis=1)
    x = sosfiltfilt(butter(_ORDER, _HIGH_PASS, "highpass", fs=rate, output="sos"), x, axis=1)
    slow = beats.resampled(x, rate, RATE)
    third = slow.shape[1] // 3
    return slow[:, third : 2 * third]


def _check(select: str | None) -> None:
    if select not in SELECTIONS:
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(SELECTIONS)}")


def _row(line: Mapping[str, str], where: str) -> Row:
    try:
        fold, codes = int(float(line["strat_fold"])), ast.literal_eval(line["scp_codes"])
        if fold not in range(1, 11) or not isinstance(codes, dict):
            raise ValueError
        split = "prior" if fold <= 8 else SPLITS[fold - 8]
        files = {column: line[column] for column in SELECTIONS.values()}
        return Row(f"{int(line['ecg_id']):05d}", int(float(line["patient_id"])), split, sorted(map(str, codes)), files)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        told = f"strat_fold {line['strat_fold']!r}, scp_codes {str(line['scp_codes'])[:40]!r}"
        raise PosterityError(
            f"{where}: ecg_id {line['ecg_id']!r} has {told}; expected numbers, folds 1 to 10 and a dictionary of codes"
        ) from None


def _chosen(rows: Sequence[Row], count: int | None) -> Iterator[Row]:
    """Yield ``count`` rows of each split that depend on their ids alone, in the table's order."""
    kept = {id for split in SPLITS for id in shuffled(row.id for row in rows if row.split == split)[:count]}
    return (row for row in rows if row.id in kept)


def _record(content: Archive, name: str, select: str) -> Array:
    """Return a record's eight independent leads in mV at 100 Hz, (8, 1000), NaN where a value is missing."""
    with tempfile.TemporaryDirectory(prefix="ptbxl-") as folder:
        header = Path(folder, f"{name.rpartition('/')[2]}.hea")
        for suffix in _SUFFIXES:
            content.copy(name + suffix, header.with_suffix(suffix))
        try:
            record = wfdb_record.read(header)
        except PosterityError as error:
            raise PosterityError(str(error).replace(str(header), f"{name}.hea")) from None
    rate = 500.0 if select == "filtered" else RATE
    if record.rate != rate or record.values.shape[1] != _LENGTH * rate / RATE:
        got = f"{record.values.shape[1]} samples at {record.rate:g} Hz"
        raise PosterityError(f"{name} has {got}, expected {_LENGTH * rate / RATE:g} at {rate:g} Hz")
    every = leads.complete(record.values, record.names)
    eight = every[[leads.STANDARD.index(lead) for lead in LEADS]]
    return cleaned(eight, rate) if select == "filtered" else eight
