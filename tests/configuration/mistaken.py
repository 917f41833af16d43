"""Configurations with mistakes: one experiment, called mine, is laid over the shipped configuration."""

from pathlib import Path

import yaml

from posterity.configuration import ConfigurationError, merge, resolve

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "resources" / "assets.yaml"
CONFIG = {"experiments": ["mine"], "items": 2}
RUN = {"dataset": "openmoji-smileys", "tasks": ["sr16"], "prior": "kernel", "samplers": ["ddnm"]}


def lines(folder, config, experiment=None):
    """The mistakes of a configuration whose experiment "mine" is ``experiment``, laid over a valid one."""
    mine = merge({"title": "Mine", "runs": [RUN]}, experiment or {})
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    try:
        resolve(merge(CONFIG, config), folder, ASSETS)
    except ConfigurationError as error:
        return error.lines
    return []


def run(**changes):
    return {"runs": [RUN | changes]}


def asked(folder, experiment):
    """The mistakes of a configuration whose one experiment is this text."""
    (folder / "experiments" / "asked.yaml").write_text(experiment)
    return lines(folder, {"experiments": ["asked"]})
