"""docs/verify.md: its example is the file beside it, its table is what the command finds, it names all there is."""

import math
import re
from pathlib import Path

import pytest

from posterity.certificates import statistics
from posterity.certificates.broken import FAULTS
from posterity.certificates.tiers import TIERS
from posterity.commands.verdict_table import HEADLINES, STYLES, cell
from posterity.stages import verify

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "verify.md").read_text()
EXAMPLE = (DOCS / "my_sampler.py").read_text()
CHANGES = {
    "as it is": ("inpaint", "", ""),
    "as it is, with noise": ("inpaint_noisy", "", ""),
    "noise / √2": ("inpaint", 'noise("step", t)', 'noise("step", t) / sqrt(2)'),
    "mean over the batch": ("inpaint", "return x_t", "return x_t - 0.1 * x_t.mean(0)"),
}
COLUMNS = ("sliced W", "spread", "modes", "cover 0.8", "batch", "residual")


def printed():
    """{row: cells} of the page's table of the example."""
    text = PAGE[PAGE.index("| the sampler |") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert rows[0][1:] == ["verdict", *COLUMNS]
    return {row[0]: row[1:] for row in rows[2:]}


def found(name, folder):
    task, old, new = CHANGES[name]
    assert old in EXAMPLE
    (folder / "my_sampler.py").write_text(EXAMPLE.replace(old, new) if old else EXAMPLE)
    settings = {"samplers": [{"file": str(folder / "my_sampler.py")}], "priors": ["mixture"], "tasks": [task]}
    ((one,), _) = verify.run(
        settings | {"dim": None, "tier": "quick", "seed": 0}, output=folder, expectations=folder
    )  # fmt: skip
    told = {f.key: (f, v) for f, v in zip(one.findings, one.verdicts, strict=True)}
    cells = [cell(*told[HEADLINES[c]]) if HEADLINES[c] in told else "–" for c in COLUMNS]
    return [one.verdict, *(re.sub(r"\[.*?\]", "", text) for text in cells)]


def test_the_example_is_the_file():
    assert f"```python\n{EXAMPLE}```" in PAGE
    assert len(EXAMPLE.splitlines()) <= 30


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_the_table_is_what_the_command_finds(name, tmp_path):
    """Verdicts the same, numbers within four of their errors: another machine rounds otherwise."""
    wanted, now = printed()[name], found(name, tmp_path)
    assert wanted[0] == now[0]
    for old, new in zip(wanted[1:], now[1:], strict=True):
        numbers = [[float(n) for n in re.findall(r"\d[\d.]*", text)] for text in (old, new)]
        assert len(numbers[0]) == len(numbers[1])
        if numbers[0]:
            allowed = 4 * numbers[0][1] if len(numbers[0]) > 1 else 0.1 * numbers[0][0]
            assert math.isclose(numbers[0][0], numbers[1][0], abs_tol=allowed + 1e-9)


def test_every_statistic_verdict_fault_and_tier_is_explained():
    for name in statistics.names():
        assert f"| `{name}` |" in PAGE
    for verdict in {*STYLES} - {"n/a", "reported", "regressed", "improved"}:
        assert f"| {verdict} |" in PAGE
    for name, fault in FAULTS.items():
        assert f"| {name} | {', '.join(f'`{claim}`' for claim in fault.claims)} |" in PAGE
    for tier in ("quick", "standard", "full"):  # tests add tiers of their own
        assert tier in TIERS
        assert f"| `{tier}` |" in PAGE


def test_the_shares_of_the_gates_have_a_column_for_every_statistic_that_decides():
    header = next(line for line in PAGE.splitlines() if line.startswith("| share of runs |"))
    names = [cell.strip().replace("sliced W", "sliced_wasserstein") for cell in header.strip("|").split("|")[1:]]
    silent = {*TIERS["quick"].without, "trajectory"}  # the latter is read, and never decides
    assert names == sorted({*statistics.names()} - silent)
