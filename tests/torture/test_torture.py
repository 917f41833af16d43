"""The short version: one sampler's samples, a death, a full disk, some damage. An hour: tests/torture."""

from __future__ import annotations

from pathlib import Path

import pytest
from torment import Torment

TARGET = "results/samples/openmoji-smileys/inpaint_face/blocks/exact.parquet"


@pytest.mark.slow
def test_a_tormented_run_ends_in_the_same_artifacts(tmp_path: Path) -> None:
    changes = {"items": 4, "resources": [{"stage": "sample", "batch": 12}]}
    calm, wild = (Torment(tmp_path / name, "ci", changes, (TARGET,), seed=1) for name in ("calm", "wild"))
    calm.finish()
    wild.kill_one()
    wild.finish()
    wild.damage_one()
    wild.fill_disk()
    wild.finish(*calm.artifacts())
    wild.compare(calm)
    assert wild.summary.clean, str(wild.summary)
    assert wild.summary.corruptions == wild.summary.noticed == 1 and wild.summary.compared == 4, str(wild.summary)
