"""Skips what needs a SLURM where none can be started, and says why."""

from __future__ import annotations

import sys
from importlib.util import find_spec
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
    asked = config.getoption("--slurm", default=False)
    reason = slurm_cluster.obstacle() if asked else "starts a SLURM, for minutes; make test-slurm runs it"
    if reason is None and find_spec("snakemake_executor_plugin_slurm") is None:
        reason = "snakemake-executor-plugin-slurm is not installed"
    for item in items:
        if "slurm" in item.keywords and reason:
            item.add_marker(pytest.mark.skip(reason=reason))
