"""A real Chromium without a screen, axe-core, and a study of drawn faces for them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from posterity.artifacts import store
from posterity.assets.declared import load
from posterity.assets.obtain import obtain
from posterity.errors import PosterityError
from posterity.stages import study
from posterity.study.practice import face

sys.path.insert(0, str(Path(__file__).parent))

from participants import Server

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,860",
]


def _installed() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@pytest.fixture(scope="session")
def chromium():
    """Installs Chromium and its driver where that is possible, skips where it is not."""
    if not _installed() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"]):
            subprocess.run(["apt-get", "--quiet", *command], capture_output=True, timeout=600, check=False)
    if not _installed():
        pytest.skip("chromium and chromedriver are not installed and could not be (apt-get needs root)")


@pytest.fixture
def browser(chromium, tmp_path):
    """A fresh browser with a profile of its own; files it saves land in tmp_path/downloads."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        where = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Page.setDownloadBehavior", where)
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Samples and subsets of four items: the subset "random" is the same face five times, "fps" all different."""
    root = tmp_path_factory.mktemp("inputs")
    run = {"dataset": "faces", "task": "inpaint_face", "prior": "blocks"}
    items = [f"item{n}" for n in range(4)]
    looks = [(0, n) for n in (0, 0, 0, 0, 0)] + [(n, (n + 2) % 5) for n in range(5)] + [(2, 1), (4, 4)]
    for sampler, drawn, wrap in (
        ("ddnm", looks, []), ("ddnm_guided", looks[5:10], [{"diversity": {"eta": 0.9}}]),
    ):  # fmt: skip
        about = {"settings": {"sampler": {"name": sampler, "method": "ddnm", "settings": {}, "wrap": wrap}}}
        rows = [
            run | {"sampler": sampler, "item": item, "sample": s, "signal": {"bytes": face((skin + n) % 5, mouth)}}
            for n, item in enumerate(items) for s, (skin, mouth) in enumerate(drawn)
        ]  # fmt: skip
        store.write(root / f"{sampler}.parquet", "samples", rows, about)
    rows = [
        run | {"sampler": "ddnm", "item": item, "subset": name, "rank": r, "sample": r + first}
        for item in items for name, first in (("random", 0), ("fps", 5)) for r in range(5)
    ]  # fmt: skip
    store.write(root / "subsets.parquet", "subsets", rows, {})
    return sorted(root.glob("*.parquet"))


@pytest.fixture(scope="session")
def settings():
    """Of a study of these: four items in each of three comparisons."""
    return {
        "experiment": "faces",
        "count": 5,
        "questions": 50,
        "seed": 3,
        "comparisons": [
            {"study": "paired_diversity", "approach": "fps"},
            {"study": "coverage", "approach": "fps"},
            {"study": "paired_quality", "approach": "guided"},
        ],
    }


@pytest.fixture
def server(settings, inputs, tmp_path):
    """The study, served."""
    folder = tmp_path / "study"
    study.run(settings, inputs=inputs, output=folder / "questions.parquet", assets=tmp_path)
    made = Server(folder)
    yield made
    made.kill()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The text of axe-core, from the package registry."""
    asset = load(Path(__file__).parents[2] / "resources" / "assets.yaml")["axe"]
    path = asset.path(tmp_path_factory.mktemp("axe"))
    try:
        obtain(asset, path)
    except PosterityError as error:
        pytest.skip(str(error))
    return path.read_text()
