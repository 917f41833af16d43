"""Who asks for the tests of SLURM by name gets them, or the line that says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def asked(folder: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """The tests asked for on a machine that has these commands and no others."""
    for name in commands:
        (folder / name).symlink_to(shutil.which("true") or "/bin/true")
    words = [sys.executable, "-m", "pytest", "tests/slurm", "--slurm", "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        words, cwd=ROOT, env=os.environ | {"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("there", [(), ("slurmctld", "slurmd", "sbatch")])
def test_where_slurm_is_not_installed_the_command_fails_and_says_how(tmp_path: Path, there: tuple[str, ...]) -> None:
    done = asked(tmp_path, *there)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "srun") if name not in there]
    assert f"ERROR: --slurm: no {', '.join(missing)}: apt-get install slurmctld " in done.stderr


def test_it_is_not_asked_of_who_runs_all_tests(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> None:
    if pytestconfig.getoption("--slurm", default=False):
        pytest.skip("asked for")
    skipped = [item for item in request.session.items if item.get_closest_marker("slurm")]
    assert all(item.get_closest_marker("skip") for item in skipped)
