"""An experiment's explorer in the configuration: what is planned, and what is told before work starts."""

import shutil
from pathlib import Path

import pytest
import yaml

from posterity.configuration import ConfigurationError, resolve

ROOT = Path(__file__).parents[2]
RUN = {"dataset": "faces", "tasks": ["pool16_sigma_2"], "prior": "kernel_unseen", "samplers": ["exact"], "items": 2}
FACES = {"dataset": "faces", "prior": "kernel_unseen"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("explorers") / "config"
    shutil.copytree(ROOT / "config", made)
    return made


def plan(folder, explorer):
    experiment = {"title": "Mine", "count": 2, "runs": [RUN], "metrics": ["psnr"], "explorer": explorer}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(experiment))
    config = {"experiments": ["mine"], "on_request": []}
    return resolve(config, folder, ROOT / "resources" / "assets.yaml")


def test_it_is_planned_with_its_dataset_and_its_prior_and_the_report_knows_it(folder):
    made = plan(folder, {"dataset": "openmoji-smileys", "prior": "kernel", "items": 3})
    settings = made.job("explorer", "mine").settings
    assert settings["items"] == 3 and settings["prior"]["kind"] == "kernel" and settings["title"] == "Mine"
    assert made.has("prepare", "openmoji-smileys") and made.job("report").settings["explorers"] == ["mine"]
    assert plan(folder, FACES).job("explorer", "mine").settings["items"] == 8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "nosuch"}, "experiments.mine.explorer.dataset = 'nosuch': unknown dataset"),
        ({"prior": "nosuch"}, "experiments.mine.explorer.prior = 'nosuch': unknown prior"),
        ({"prior": "openmoji64"}, "explorer.prior = 'openmoji64': must be a kernel prior of images"),
        ({"prior": "blocks"}, "explorer.prior = 'blocks': must be a kernel prior of images"),
        ({"dataset": "ecg-beats"}, "explorer.dataset = 'ecg-beats': must hold images whose side is a multiple of 4"),
        ({"items": 0}, "experiments.mine.explorer.items = 0"),
        ({"colour": 1}, "explorer.colour = 1: unknown key; valid: dataset, prior, items"),
    ],
)
def test_what_cannot_be_explored_is_one_line(folder, changes, said):
    with pytest.raises(ConfigurationError) as refused:
        plan(folder, FACES | changes)
    (line,) = refused.value.lines
    assert said in line
