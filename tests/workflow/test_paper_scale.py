"""The experiment of the paper at its own scale: planned without its files, refused for them before any work."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = ("--configfile", "config/config.yaml", "config/experiments/diversity_paper.yaml")
BROUGHT = {
    "adm-imagenet": "256x256_diffusion_uncond.pt", "anycost": "attribute_predictor.pt",
    "celebamask-hq": "CelebAMask-HQ.zip", "partimagenet": "PartImageNet_Seg.zip",
    "repaint-celeba": "celeba256_250000.pt", "sdedit-celebahq": "celeba_hq.ckpt",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    return tmp_path


def snakemake(folder, *words):
    command = [Path(sys.executable).parent / "snakemake", "-s", ROOT / "Snakefile", *words]
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_whole_graph_is_planned_without_the_files(folder):
    code, told = snakemake(folder, "-n", *CONFIG)
    assert code == 0, told
    fetched = Counter(re.findall(r"wildcards: asset=([^,]+)", told))
    assert fetched == Counter([*BROUGHT, "vgg16", "niqe"])
    counts = dict(re.findall(r"^(\w+) +(\d+)$", told, re.MULTILINE))
    wanted = {
        "prepare": "2",
        "convert_prior": "3",
        "degrade": "6",
        "select": "3",
        "study_simulated": "1",
        "analyse": "1",
    }
    assert {rule: counts[rule] for rule in wanted} == wanted
    planned = set(re.findall(r"output: results/samples/(\S+)\.parquet", told))
    for method in ("ddrm", "ddnm", "dps"):
        assert {f"celebamask-hq/sr16/celebahq/{method}{end}" for end in ("", "_guided")} <= planned
    for method in ("ddnm", "dps", "repaint"):
        assert {f"partimagenet/inpaint_object/imagenet/{method}{end}" for end in ("", "_guided")} <= planned
    # a restorer whose weights are absent is planned too, and will be N/A
    assert "celebamask-hq/inpaint_face/mat_celebahq/mat" in planned
    assert '"samples":100' in snakemake(folder, "-n", "-p", *CONFIG)[1]


def test_a_run_asks_for_the_files_before_any_work(folder):
    (folder / "data" / "by_hand").mkdir(parents=True)
    (folder / "data" / "by_hand" / "celeba_hq.ckpt").touch()
    code, told = snakemake(folder, "-c1", *CONFIG)
    asked = re.findall(r"^asset '(\S+)' is missing: get (\S+) at https://\S+ .*put it at (\S+)$", told, re.MULTILINE)
    wanted = [(name, file, f"data/by_hand/{file}") for name, file in BROUGHT.items() if name != "sdedit-celebahq"]
    assert code == 1 and asked == wanted and "Traceback" not in told
    assert not (folder / "results").exists() and [p.name for p in (folder / "data").iterdir()] == ["by_hand"]
    # what needs none of them is not held up
    code, told = snakemake(folder, "-n", "data/datasets/openmoji-smileys/items.parquet", *CONFIG)
    assert code == 0 and not re.search("is missing", told)


def test_where_the_files_lie_can_be_said(folder):
    """An overlay names them, and nothing is fetched."""
    (folder / "faces").mkdir()
    (folder / "net.ckpt").touch()
    (folder / "mine.yaml").write_text(
        "datasets: {celebamask-hq: {path: faces}}\npriors: {celebahq: {checkpoint: {file: net.ckpt}}}\n"
    )
    target = "results/samples/celebamask-hq/sr16/celebahq/ddrm.parquet"
    code, told = snakemake(folder, "-n", "-p", target, *CONFIG, "mine.yaml")
    assert code == 0 and "rule fetch:" not in told, told
    assert "--asset faces " in told and "--source net.ckpt " in told


def test_a_restorer_is_used_once_its_file_is_there(folder):
    target = "results/samples/celebamask-hq/inpaint_face/mat_celebahq/mat.parquet"
    told = snakemake(folder, "-n", "-p", target, *CONFIG)[1]
    assert "mat-celebahq" not in told and "--weights" not in told
    (folder / "data" / "by_hand").mkdir(parents=True)
    (folder / "data" / "by_hand" / "CelebA-HQ_256.pkl").touch()
    told = snakemake(folder, "-n", "-p", target, *CONFIG)[1]
    assert "asset=mat-celebahq" in told and "--weights data/assets/mat-celebahq/CelebA-HQ_256.pkl" in told
