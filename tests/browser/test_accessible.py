"""Every page against axe-core's rules: no finding that it calls serious or critical, light and dark."""

import runpy
from pathlib import Path

import pytest
import torch
from rules import findings, serious

import posterity as po
from posterity.priors.kernel import Kernel
from posterity.report import explorer
from posterity.stages import study

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow

_TESTS = Path(__file__).parents[1]
STUDY = {"experiment": "faces", "count": 5, "questions": 8, "seed": 3,
         "comparisons": [{"study": "paired_diversity", "approach": "fps"}]}  # fmt: skip


def report(folder, inputs):  # noqa: ARG001 - every page is made by the same call
    made = runpy.run_path(str(_TESTS / "tables" / "made.py"))["made"]
    return runpy.run_path(str(_TESTS / "report" / "made_report.py"))["made_report"](made(folder / "made"), folder)


def explored(folder, inputs):  # noqa: ARG001
    dice = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 16, 16, generator=dice, dtype=torch.float64) * 2 - 1
    prior = Kernel(images, torch.ones(6), 0.1)
    (folder / "page.html").write_text(explorer.page("Which fit?", prior, [("one", images[0].float())], {0: "first"}))
    return folder / "page.html"


def asked(folder, inputs):
    study.run(STUDY, inputs=inputs, output=folder / "study" / "questions.parquet", assets=folder)
    return folder / "study" / "index.html"


def restored(folder, inputs):  # noqa: ARG001
    dice = torch.Generator().manual_seed(0)
    prior = po.prior("kernel", images=torch.rand(6, 3, 16, 16, generator=dice) * 2 - 1)
    y = torch.rand(3, 4, 4, generator=dice) * 2 - 1
    po.restore(y, operator="sr4", prior=prior, sampler="exact", samples=3).save(folder / "restored")
    return folder / "restored" / "index.html"


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("make", [report, explored, asked, restored])
def test_no_serious_finding(browser, axe, inputs, tmp_path, make, colours):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    )
    browser.get(make(tmp_path, inputs).as_uri())
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert not serious(browser, axe)


def test_a_serious_finding_is_seen(browser, axe, tmp_path):
    """The rules find a picture without words and grey on grey."""
    page = "<!doctype html><html lang=en><title>t</title><h1>x</h1><img src='data:,'><p style='color:#aaa'>pale</p>"
    (tmp_path / "bad.html").write_text(page + "<p>more</p><ul><li>a</li></ul><a href='#'>b</a><button>c</button>")
    browser.get((tmp_path / "bad.html").as_uri())
    found = findings(browser, axe)
    assert {"image-alt", "color-contrast"} <= set(found)
