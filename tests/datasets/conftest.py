"""Real assets: from data/assets where they are, else fetched once a session."""

from pathlib import Path

import pytest

from posterity.assets import load
from posterity.assets.obtain import obtain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def declared():
    return load(ROOT / "resources/assets.yaml")


@pytest.fixture(scope="session")
def fetched(declared, tmp_path_factory):
    """A function from an asset's name to the folder that plays data/assets and holds it."""
    made = tmp_path_factory.mktemp("assets")

    def root(name):
        for folder in (ROOT / "data/assets", made):
            if declared[name].path(folder).is_file():
                return folder
        obtain(declared[name], declared[name].path(made))
        return made

    return root
