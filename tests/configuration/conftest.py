"""A copy of the shipped configuration, to make mistakes in; what the tests share lies beside them."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(Path(__file__).parents[2] / "config", tmp_path / "config")
    return tmp_path / "config"
