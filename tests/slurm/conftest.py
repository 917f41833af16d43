"""Leaves out what needs a SLURM; who asks for it where none can be started is told why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import slurm_cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slurm", action="store_true", help="also run the tests that start a SLURM on this machine")
    parser.addoption("--experiment", default="ci", help="what they run through it, besides the jobs with GPUs")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slurm: starts a SLURM on this machine, skipped without --slurm")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # pytest knows the options of this file only when it is told to look here
    if not config.getoption("--slurm", default=False):
        skipped = pytest.mark.skip(reason="starts a SLURM, for minutes; make test-slurm runs it")
        for item in items:
            if item.get_closest_marker("slurm"):
                item.add_marker(skipped)
    elif any(item.get_closest_marker("slurm") for item in items) and (reason := slurm_cluster.obstacle()):
        raise pytest.UsageError(f"--slurm: {reason}")
