"""Data sets of the configuration, prepared from the real assets once per worker."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from posterity.stages import prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def made_into(fetched, declared):
    """A function that prepares a data set of pictures below a folder and returns its items.parquet."""

    def make(name, folder):
        about = yaml.safe_load((ROOT / f"config/datasets/{name}.yaml").read_text())
        settings = {"dataset": name, **{k: about[k] for k in ("kind", "select", "size")}}
        output = folder / name / "items.parquet"
        prepare.run(settings, asset=declared[about["asset"]].path(fetched(about["asset"])), output=output)
        return output

    return make


@pytest.fixture(scope="session")
def prepared(made_into, tmp_path_factory):
    """A function from the name of a data set of pictures to its items.parquet, which a test must not change."""
    folder = tmp_path_factory.mktemp("datasets")
    return cache(lambda name: made_into(name, folder))
