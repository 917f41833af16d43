"""Makes this folder's shared modules importable, and provides results of a small experiment."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A small experiment that was really run; nobody writes to it."""
    import tiny  # brings torch

    return tiny.experiment(tmp_path_factory.mktemp("run"))
