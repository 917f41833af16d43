"""Shared by all tests: the marks slow, gpu and web, and fixtures for real assets."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from posterity.assets import Asset

ROOT = Path(__file__).parents[1]

os.environ.setdefault("MPLBACKEND", "Agg")
# pytest's workers share the cores; a thread pool in each would only make them wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")
# who asks torch for the kernels of an older processor asks oneDNN for them, too: it looks at the processor itself, and
# attention in bfloat16 then fails between the two
if capability := os.environ.get("ATEN_CPU_CAPABILITY"):
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", {"default": "SSE41", "avx2": "AVX2"}.get(capability, "DEFAULT"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--web", action="store_true", help="also run tests that fetch from the open web")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "web" in item.keywords and not config.getoption("--web"):
            item.add_marker(pytest.mark.skip(reason="fetches from the open web; run with --web"))
        if "gpu" in item.keywords and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """The same random numbers for a test whichever tests its worker ran before."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(scope="session")
def declared() -> dict[str, Asset]:
    """The assets that the repository declares."""
    from posterity.assets import load

    return load(ROOT / "resources/assets.yaml")


@pytest.fixture(scope="session")
def fetched(declared: dict[str, Asset], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder that holds an asset: data/assets if it is there, else one fetched into once per worker."""
    from posterity.assets.obtain import obtain

    made = tmp_path_factory.mktemp("assets")

    def root(name: str) -> Path:
        for folder in (ROOT / "data/assets", made):
            if declared[name].path(folder).is_file():
                return folder
        obtain(declared[name], declared[name].path(made))
        return made

    return root


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
