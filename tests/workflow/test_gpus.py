"""``--resources gpu=N`` on one machine, with declared devices: which jobs run concurrently.

The command is a stand-in that takes its device as stages do and then sleeps: what is tested is who computes
where and when, and that needs no computing.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
STAND_IN = f"""#!{sys.executable}
import json, os, sys, time
from pathlib import Path
from posterity.jobs import devices

stage, output = sys.argv[1], Path(sys.argv[sys.argv.index("--output") + 1])
# only networks want a device: those that are trained, and samplers that are given weights
wants = "--weights" in sys.argv or stage == "train"
device = devices.lend(os.environ["POSTERITY_GPUS"].split(","), devices.share()) if wants else ""
began = time.monotonic()
time.sleep(0.4)
beside = {{"items.parquet": ["regions.parquet", "LICENSE.txt", "sheet.png"],
          "weights.safetensors": ["card.json", "samples.png", "nearest.png", "log.csv"]}}
for name in [output.name, *beside.get(output.name, [])]:
    output.with_name(name).write_text("made")
with open("uses.jsonl", "a") as file:
    file.write(json.dumps({{"stage": stage, "device": device, "from": began, "to": time.monotonic()}}) + "\\n")
"""
RUN = {"prior": "openmoji32", "dataset": "openmoji-smileys-32", "tasks": ["sr4"]}
EXPERIMENT = {
    "title": "Six samplers with a network, two without",
    "runs": [
        RUN | {"samplers": ["ddnm", "ddrm", "dps", "pgdm", "diffpir", "reddiff"]},
        RUN | {"prior": "kernel", "samplers": ["ddnm", "ddrm"]},
    ],
    "metrics": ["psnr"],
}


def uses(folder: Path, gpus: int, **config: Any) -> list[dict[str, Any]]:
    """What every job did in a run with ``gpu=N`` and two devices, "a" and "b"."""
    shutil.copytree(ROOT / "config", folder / "config")
    # trained here, so that there is a training to lend a device to
    trained = folder / "config" / "priors" / "openmoji32.yaml"
    content = yaml.safe_load(trained.read_text())
    del content["openmoji32"]["weights"]
    trained.write_text(yaml.safe_dump(content))
    (folder / "config" / "experiments" / "gpus.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"experiments": ["gpus"]} | config))
    (folder / "bin").mkdir()
    (folder / "bin" / "posterity").write_text(STAND_IN)
    (folder / "bin" / "posterity").chmod(0o755)
    # names of their own: the locks are for the whole machine
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment["POSTERITY_GPUS"] = f"{folder.name}-a,{folder.name}-b"
    command = [SNAKEMAKE, "-s", ROOT / "Snakefile", "--cores", "6", "--resources", f"gpu={gpus}", "--quiet", "all"]
    done = subprocess.run(
        [str(w) for w in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in (folder / "uses.jsonl").read_text().splitlines()]


def together(some: list[dict[str, Any]]) -> int:
    """The maximum number of concurrent jobs."""
    return max(sum(u["from"] <= one["from"] < u["to"] for u in some) for one in some)


@pytest.mark.slow
@pytest.mark.parametrize(("gpus", "share"), [(2, 1), (4, 2)])
def test_jobs_have_devices_of_their_own_or_share_as_configured(tmp_path: Path, gpus: int, share: int) -> None:
    made = uses(tmp_path, gpus, jobs_per_gpu=share)
    with_gpu = [u for u in made if u["device"]]
    assert [u["stage"] for u in with_gpu] == ["train", *["sample"] * 6]
    for _, group in itertools.groupby(sorted(with_gpu, key=lambda u: u["device"]), lambda u: u["device"]):
        assert together(list(group)) == share
    assert together(with_gpu) == gpus
    # and others beside them
    others = [u for u in made if not u["device"]]
    assert any(u["from"] < one["to"] and one["from"] < u["to"] for u in others for one in with_gpu)
