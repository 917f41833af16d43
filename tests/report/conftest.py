"""The made-up experiment."""

import runpy
from pathlib import Path

import pytest

_REPORT = runpy.run_path(str(Path(__file__).parent / "made_report.py"))["made_report"]
_MADE = runpy.run_path(str(Path(__file__).parents[1] / "tables" / "made.py"))["made"]


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    return _MADE(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="session")
def page(experiment, tmp_path_factory):
    """The file of the report on it."""
    return _REPORT(experiment, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def everything(experiment):
    return [p for files in experiment.values() for p in files]
