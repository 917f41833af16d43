"""Prints certificates as a table in the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from posterity.certificates import remarks
from posterity.certificates.finding import Finding
from posterity.certificates.panel import Certificate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["HEADLINES", "STYLES", "cell", "line", "show", "table"]

HEADLINES = {
    "sliced W": "sliced_wasserstein", "spread": "spread/overall", "modes": "modes/tv",
    "cover 0.8": "calibration/coverage 0.8", "batch": "coupling/batch", "mean, dB": "mmse/gap",
    "residual": "residual/mean", "W2": "moments/w2",
}  # fmt: skip
"""{column: ``Finding.key``}, the most informative first: a narrow terminal omits the last ones."""
STYLES = {
    "exact": "green", "open": "default", "approximate": "yellow", "improved": "cyan", "regressed": "bold red",
    "diverged": "bold red", remarks.NONSENSE: "bold red", "n/a": "dim", "reported": "default",
}  # fmt: skip
LEGEND = """\
exact: every 95 % interval lies inside its margin. open: some intervals overlap a margin; more draws would decide.
approximate: some lie outside. not a posterior sampler: ignores y, has no spread, or is no nearer to y than the prior.
regressed, improved: outside the stored band. within: number of exact statistics. Passing a test proves nothing.
sliced W: distance to exact draws, relative to the floor (1: as near as other exact draws). †: the residual is off by
an order of magnitude, which that distance hardly detects. spread: variance relative to the exact one.
modes: total variation of mode weights. cover 0.8: truths inside the 80 % region. batch: change of a row with its batch.
mean: error of the mean relative to the exact mean's. residual: ‖y - Ax‖² over its exact mean. W2: of Gaussian moments.
NFE, back: network evaluations per restoration, forward and backward. s: total seconds. ±: standard error."""
_TOLD = ("sliced W", "spread", "residual")
"""Headlines shown in a log line."""
_LOG_WIDTH, _NOTHING = 200, 1e-12


def show(certificates: Sequence[Certificate], failed: Sequence[Certificate], whole: bool = False) -> None:
    """Print the table, its legend and the failures; if ``whole``, every panel too."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH, highlight=False)
    console.print(_fitting(console, certificates))
    console.print(LEGEND, style="dim", soft_wrap=True)
    for c in certificates if whole else ():
        console.print(_panel(c))
    for c in failed:
        wrong = [f.key for f, v in zip(c.findings, c.verdicts, strict=True) if v == "regressed"]
        console.print(
            f"{c.verdict}: {c.sampler}, {c.prior}, {c.task}: {c.reason or ', '.join(wrong)}", style="bold red"
        )


def line(c: Certificate) -> str:
    """Return the log line of a finished case."""
    if c.verdict == "n/a":
        return f"{c.sampler}, {c.prior}, {c.task}: N/A, {c.reason}"
    told = {f.key: f for f in c.findings if f.value is not None}
    numbers = [f"{name} {_text(told[HEADLINES[name]])}" for name in _TOLD if HEADLINES[name] in told]
    return ", ".join([f"{c.sampler}, {c.prior}, {c.task}: {c.verdict}", *numbers, f"{c.seconds:.1f} s"])


def _fitting(console: Console, certificates: Sequence[Certificate]) -> Table:
    """Return the table with as many headlines as fit the console."""
    endless = console.options.update(width=1000)
    for columns in range(len(HEADLINES), 0, -1):
        out = table(certificates, columns)
        if console.measure(out, options=endless).maximum <= console.width:
            break
    return out


def table(certificates: Sequence[Certificate], columns: int = len(HEADLINES)) -> Table:
    """Return the table: one section per prior and task, one row per sampler."""
    from rich import box
    from rich.table import Table

    shown = list(HEADLINES.items())[:columns]
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    out.add_column("sampler", no_wrap=True)
    out.add_column("verdict", max_width=30)
    for name in ("within", *(name for name, _ in shown), "NFE", "back", "s"):
        out.add_column(name, justify="right", no_wrap=True)
    for place, group in groupby(certificates, lambda c: f"{c.prior} · {c.task}"):
        out.add_row(f"[bold]{place}[/]")
        for c in group:
            out.add_row(*_row(c, [key for _, key in shown]))
        out.add_section()
    return out


def _row(c: Certificate, keys: Sequence[str]) -> list[str]:
    if c.verdict == "n/a":
        return [f"[dim]  {c.sampler}[/]", f"[dim]N/A: {c.reason}[/]"]
    told = {f.key: (f, v) for f, v in zip(c.findings, c.verdicts, strict=True)}
    within = [f.equivalent for f in c.findings if f.decides and f.value is not None]
    numbers = [cell(*told[key]) if key in told else "–" for key in keys]
    if keys and remarks.hidden(c.findings):
        numbers[0] += " †"
    cost = [str(c.forwards), str(c.backwards), f"{c.seconds:.1f}"]
    verdict = f"[{STYLES[c.verdict]}]{c.verdict}[/]"
    return [f"  {c.sampler}", verdict, f"{sum(within)}/{len(within)}", *numbers, *cost]


def _panel(c: Certificate) -> Table:
    """Return every statistic of one certificate."""
    from rich import box
    from rich.table import Table

    title = f"{c.sampler}, {c.prior}, {c.task}: {c.verdict}"
    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    out.add_column("statistic", no_wrap=True)
    for name in ("value", "exact", "margin", "floor"):
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("verdict", no_wrap=True)
    out.add_column("about")
    for f, verdict in zip(c.findings, c.verdicts, strict=True):
        numbers = ("" if n is None else f"{n:.3g}" for n in (f.target, f.margin, f.floor))
        value = _number(f.value, f.error or 0.0) if f.value is not None else ""
        out.add_row(f.key, value, *numbers, f"[{STYLES[verdict]}]{verdict}[/]", f"[dim]{f.note}[/]")
    return out


def cell(finding: Finding, verdict: str) -> str:
    """Return "value ± error", in units of the floor where only the floor gives the scale."""
    return "–" if finding.value is None else f"[{STYLES[verdict]}]{_text(finding)}[/]"


def _text(finding: Finding) -> str:
    assert finding.value is not None
    unit = finding.floor if finding.statistic == "sliced_wasserstein" and finding.floor else 1.0
    return _number(finding.value / unit, (finding.error or 0.0) / unit)


def _number(value: float, error: float) -> str:
    """Format a number to one digit of its error, or to three of its own."""
    if not (error > 0 and math.isfinite(error)):
        return f"{value:.3g}" if abs(value) > _NOTHING else "0"
    digits = max(0, -math.floor(math.log10(error)))
    return f"{value:.{digits}f} ±{error:.{digits}f}"
