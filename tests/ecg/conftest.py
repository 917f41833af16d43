"""A real recording: ten seconds of twelve leads at 1000 Hz, which pydicom's wheel carries."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from posterity.ecg import files


@pytest.fixture(scope="session")
def recording():
    return Path(find_spec("pydicom").origin).parent / "data/test_files/waveform_ecg.dcm"


@pytest.fixture(scope="session")
def real(recording):
    return files.read(recording)
