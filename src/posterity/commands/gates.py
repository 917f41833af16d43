"""``posterity gates`` tests the statistics of ``posterity verify`` and prints a table in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from rich.table import Table

    from posterity.certificates.gates import Gate

__all__ = ["gates"]

_LEGEND = """\
Fraction of runs in which a statistic raised an alarm. For `exact` it should not. Green: it must detect this fault on
this prior, and did. Red: it missed the fault, or raised an alarm for exact draws. Other cells are for information."""


def gates(
    seeds: Annotated[int, typer.Option(min=1, help="Runs behind each fraction.")] = 5,
    tier: Annotated[str, typer.Option(help="Number of draws: quick, standard or full.")] = "quick",
    fault: Annotated[list[str] | None, typer.Option(help="May be repeated; all by default.")] = None,
) -> None:
    """Test the statistics of verify on exact draws and on deliberately faulty samplers.

    Exits with 1 if a statistic rejects exact draws, or misses a fault that it must detect.

    Example: posterity gates --seeds 3 --fault "a mode dropped"
    """
    from posterity.certificates.broken import FAULTS
    from posterity.certificates.gates import gates as tested
    from posterity.certificates.tiers import TIERS

    for noun, given, known in (("fault", fault or [], FAULTS), ("tier", [tier], TIERS)):
        for name in given:
            if name not in known:
                raise PosterityError(f"{noun} {name!r} does not exist; choose one of {', '.join(known)}")
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    with console.status("runs the exact sampler and the faulty ones"):
        found = tested(tier=tier, seeds=seeds, faults=fault or tuple(FAULTS))
    console.print(table(found))
    console.print(_LEGEND, style="dim", soft_wrap=True)
    raise typer.Exit(1 if any(_wrong(gate) for gate in found) else 0)


def table(found: Sequence[Gate]) -> Table:
    """Return the table: one row per sampler and prior, one column per statistic."""
    from rich import box
    from rich.table import Table

    names = sorted({gate.statistic for gate in found})
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("sampler", "prior"):
        out.add_column(column, no_wrap=True)
    for name in names:
        out.add_column(name.replace("_", " "), justify="right")
    for sampler, prior in dict.fromkeys((gate.sampler, gate.prior) for gate in found):
        cells = {g.statistic: _cell(g) for g in found if (g.sampler, g.prior) == (sampler, prior)}
        out.add_row(sampler, prior, *(cells.get(name, "–") for name in names))
    return out


def _cell(gate: Gate) -> str:
    style = "bold red" if _wrong(gate) else "green" if gate.claimed else "default" if gate.power else "dim"
    return f"[{style}]{gate.power:.0%}[/]"


def _wrong(gate: Gate) -> bool:
    """Return True if the statistic rejects exact draws, or misses a fault that it must detect."""
    return gate.caught if gate.sampler == "exact" else gate.claimed and not gate.caught
