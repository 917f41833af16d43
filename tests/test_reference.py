"""The generated tables of the docs say what the code says."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
fill = runpy.run_path(str(ROOT / "tools" / "reference.py"))["fill"]


@pytest.fixture(scope="module")
def operators():
    lines = [line.split(" | ") for line in fill("operators").splitlines() if line.startswith("| `")]
    return {line[0].strip("| `"): line[1:] for line in lines}


def test_a_row_for_every_operator(operators):
    from posterity.operators import families

    assert set(operators) == set(families.names())


def test_who_can_use_what(operators):
    """Against the classes: each method is listed where its needs are met, marked where noise decides."""
    from posterity import samplers
    from posterity.configuration.known import has

    for name, row in operators.items():
        for method in samplers.names():
            needs = samplers.find(method).needs - {"posterior"}
            able = needs - {"noise", "noiseless"} <= has(name)
            mark = "¹" if "noise" in needs else "²" if "noiseless" in needs else ""
            if "posterior" not in samplers.find(method).needs:
                assert (f"`{method}`{mark}" in row[-1].rstrip(" |").split(", ")) == able, (name, method)
    assert "`exact`" in operators["pool"][-1] and "`exact`" not in operators["jpeg"][-1]


def test_published_settings_come_with_their_source():
    lines = [line for line in fill("published").splitlines() if line.startswith("| `")]
    assert len(lines) > 40
    assert not [line for line in lines if line.rstrip().endswith("|  |")], "an override without a source"
    deblurring = [line for line in lines if line.startswith("| `mgps` | `imagenet`; `deblur_gauss_256`")]
    assert len(deblurring) == 1 and "late_eta 1.0" in deblurring[0]


def test_what_priors_can_is_told_from_the_code():
    """test_known.py holds ``closed_form`` to what the priors do."""
    from posterity.configuration.known import closed_form
    from posterity.configuration.shapes import schema

    lines = [line.strip("|").split(" | ") for line in fill("priors").splitlines() if line.startswith("| `")]
    rows = {kind.strip(" `"): (about, able) for kind, about, able in lines}
    assert set(rows) == set(schema("priors"))
    for kind, (about, able) in rows.items():
        assert about.strip()
        assert {o for o in schema("operators") if f"`{o}`" in able} == closed_form({"kind": kind})
    assert "every linear operator" in rows["gaussian"][1] and "every linear operator" not in rows["kernel"][1]
    page = (ROOT / "docs" / "priors.md").read_text(encoding="utf-8")
    assert "<!-- reference: priors -->" in page and "| `kernel` |" not in page
