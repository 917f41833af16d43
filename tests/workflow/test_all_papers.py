"""All papers as one experiment: the number of jobs, and that changing one sampler's setting replans only its jobs."""

import contextlib
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from posterity.commands.dry_run import dry_run

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.workflow import finish  # noqa: E402 - ``benchmarks`` lies beside ``src``, in no installed package

CONFIGS = [Path("config/config.yaml"), Path("config/all_papers.yaml")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """All outputs exist, with Snakemake's records of runs with the current settings."""
    folder = tmp_path_factory.mktemp("papers")
    shutil.copytree(ROOT / "config", folder / "config")
    return folder, finish(folder, CONFIGS)


def running(folder):
    with contextlib.chdir(folder):
        return dry_run([], CONFIGS, ROOT / "Snakefile").running


@pytest.mark.slow
def test_one_number_of_one_sampler_plans_its_jobs_and_what_is_made_from_them(finished):
    folder, count = finished
    assert count > 1000
    assert running(folder) == []
    path = folder / "config" / "samplers" / "diffpir.yaml"
    content = yaml.safe_load(path.read_text())
    content["overrides"].append({"when": {"prior": "imagenet"}, "settings": {"zeta": 0.123}})
    path.write_text(yaml.safe_dump(content))
    jobs = running(folder)
    own = {j.name for j in jobs if j.stage == "sample"}
    assert own and all(n.split("/")[2:] in (["imagenet", "diffpir"], ["imagenet", "diffpir_guided"]) for n in own)
    assert {j.cause for j in jobs if j.stage == "sample"} == {"settings"}
    assert {j.name for j in jobs if j.stage == "measure"} == own
    counts = Counter(j.stage for j in jobs)
    with contextlib.chdir(folder):
        every = Counter(j.stage for j in dry_run([], CONFIGS, ROOT / "Snakefile").jobs)
    products = {stage: every[stage] for stage in ("gather", "study", "analyse", "table", "figure", "report")}
    assert counts == Counter({"sample": len(own), "measure": len(own), **products})
