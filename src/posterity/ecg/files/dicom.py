"""DICOM waveforms, as exported by ECG carts. Nothing about the patient, the visit or the physician is read."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg.files.record import Record, millivolts, readable
from posterity.ecg.leads import STANDARD
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["begins", "parse", "read"]

_CODED = {"1": "I", "2": "II", "3": "V1", "4": "V2", "5": "V3", "6": "V4", "7": "V5", "8": "V6",
          "61": "III", "62": "aVR", "63": "aVL", "64": "aVF"}  # fmt: skip
"""Last number of a code → lead, the same in the schemes of SCP-ECG (5.6.3-9-61) and of ISO 11073 (2:61)."""
_NEEDED = ("SamplingFrequency", "NumberOfWaveformChannels", "NumberOfWaveformSamples", "WaveformBitsAllocated",
           "WaveformSampleInterpretation", "WaveformData")  # fmt: skip
_COUNTS = ((8, "SB"), (8, "UB"), (16, "SS"), (16, "US"), (32, "SL"), (32, "UL"), (64, "SV"), (64, "UV"))
"""Bits of a sample and what they hold, as the standard has it."""
_SCHEMES = ("SCPECG", "MDC")
_ABOUT = ("RR Interval", "PR Interval", "QRS Duration", "QT Interval", "QTc Interval", "P Axis", "QRS Axis", "T Axis")
"""The device's measurements that become comments; its free text may name people and is ignored."""


def begins(path: Path) -> bool:
    """Return True if a file begins like a DICOM file."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read(path: Path) -> Record:
    """Read the single original group of waveforms of a DICOM file, in mV.

    Raises:
        PosterityError: if the file is no DICOM file, damaged, or has several original groups of leads.
    """
    with readable(path):
        return parse(path.read_bytes())


def parse(content: bytes) -> Record:
    """Read the ECG in the bytes of a DICOM file; see :func:`read`."""
    import pydicom

    dataset = pydicom.dcmread(BytesIO(content))
    groups = list(dataset.get("WaveformSequence") or ())
    original = [k for k, group in enumerate(groups) if group.get("WaveformOriginality") != "DERIVED"]
    if len(original) != 1:
        labels = ", ".join(str(groups[k].get("MultiplexGroupLabel", k)) for k in original[:4])
        found = f"its leads are in {len(original)} signal groups ({labels})" if original else "it holds no waveform"
        raise PosterityError(f"{found}; expected one")
    group = groups[original[0]]
    _complete(group)
    channels = list(group.get("ChannelDefinitionSequence") or ())
    names = tuple(_name(channel) for channel in channels)
    samples = _samples(group, len(channels))
    values = np.stack([_row(x, c, n) for x, c, n in zip(samples.T, channels, names, strict=True)])
    return Record(values, names, float(group.SamplingFrequency), _comments(dataset))


def _complete(group: Dataset) -> None:
    """Check that a group says what is needed to read it."""
    if lacking := [name for name in _NEEDED if group.get(name) is None]:
        raise PosterityError(f"its waveform does not say its {', '.join(lacking)}")
    kind = group.WaveformBitsAllocated, group.WaveformSampleInterpretation
    if kind not in _COUNTS:
        raise PosterityError(f"its waveform has {kind[0]} bits of {kind[1]}, expected 8, 16, 32 or 64 bits of integers")


def _samples(group: Dataset, channels: int) -> NDArray[np.float64]:
    """Return the device's raw counts, (time, channels), NaN at its padding values."""
    from pydicom.dataset import Dataset as Empty
    from pydicom.waveforms import multiplex_array

    said, length, bits = group.NumberOfWaveformChannels, group.NumberOfWaveformSamples, group.WaveformBitsAllocated
    if not channels or said != channels:
        raise PosterityError(f"it declares {said} leads but describes {channels}")
    wanted, size = channels * length * bits // 8, len(group.WaveformData)
    if size < wanted:
        raise PosterityError(f"its waveform has {size} bytes, expected {wanted}; it is truncated")
    alone = Empty()
    alone.WaveformSequence = [group]
    counted = np.array(multiplex_array(alone, 0, as_raw=True))
    padding = group.get("WaveformPaddingValue")
    values: NDArray[np.float64] = counted.astype(np.float64)
    if isinstance(padding, bytes) and len(padding) >= counted.dtype.itemsize:
        values[counted == np.frombuffer(padding, counted.dtype, count=1)[0]] = np.nan
    return values


def _row(counted: NDArray[np.float64], channel: Dataset, name: str) -> NDArray[np.float64]:
    """Return one lead in mV, (time,)."""
    units = channel.get("ChannelSensitivityUnitsSequence")
    if not units or channel.get("ChannelSensitivity") is None:
        raise PosterityError(f"lead {name} has no sensitivity; it is not calibrated")
    gain = float(channel.ChannelSensitivity) * float(channel.get("ChannelSensitivityCorrectionFactor", 1))
    if gain == 0:
        raise PosterityError(f"lead {name} has a sensitivity of 0; it is not calibrated")
    shifted = counted * gain + float(channel.get("ChannelBaseline", 0))
    return shifted * millivolts(str(units[0].get("CodeValue", "")), name)


def _name(channel: Dataset) -> str:
    """Return a channel's lead by its code, which is independent of language; else by its meaning."""
    sources = channel.get("ChannelSourceSequence")
    if not sources:
        raise PosterityError(f"a lead has no name; expected one of {', '.join(STANDARD)}")
    scheme, code = str(sources[0].get("CodingSchemeDesignator", "")), str(sources[0].get("CodeValue", ""))
    last = code.replace(":", "-").rsplit("-", 1)[-1]
    return _CODED[last] if scheme in _SCHEMES and last in _CODED else str(sources[0].get("CodeMeaning", ""))


def _comments(dataset: Dataset) -> tuple[str, ...]:
    found: dict[str, Any] = {}
    for note in dataset.get("WaveformAnnotationSequence") or ():
        concepts, units = note.get("ConceptNameCodeSequence"), note.get("MeasurementUnitsCodeSequence")
        value = note.get("NumericValue")
        if concepts and units and value is not None and concepts[0].get("CodeMeaning") in _ABOUT:
            found.setdefault(concepts[0].CodeMeaning, f"{float(value):g} {units[0].CodeValue}")
    return tuple(f"{name} by the device: {found[name]}" for name in _ABOUT if name in found)
