"""The command line: one command per stage, and a few about the whole workflow."""

from __future__ import annotations

from posterity.commands.check import check
from posterity.commands.compare import compare
from posterity.commands.export import export
from posterity.commands.gates import gates
from posterity.commands.group import ManyCommand, Posterity
from posterity.commands.new_experiment import new
from posterity.commands.new_thing import KINDS, command
from posterity.commands.overview import doctor, schema
from posterity.commands.plan import plan
from posterity.commands.redraw import redraw
from posterity.commands.restore import restore
from posterity.commands.serving import hit, people, power, serve
from posterity.commands.stages import STAGES, study
from posterity.commands.training import TRAININGS
from posterity.commands.verify import Tiers, verify
from posterity.commands.why import why

__all__ = ["app"]

app = Posterity(
    name="posterity",
    help="Plausible restorations of images and signals, and how far to trust them. `snakemake` runs every stage.",
)
for _stage in (*STAGES[:3], *TRAININGS, *STAGES[3:]):
    app.command(cls=ManyCommand, rich_help_panel="Stages")(_stage)
for _command in (serve, people, power, hit):
    study.command()(_command)
app.add_typer(study, name="study", rich_help_panel="Stages")
app.command(rich_help_panel="Overview")(restore)
for _kind in KINDS:
    new.command(_kind)(command(_kind))
app.add_typer(new, name="new", rich_help_panel="Overview")
app.command(cls=Tiers, rich_help_panel="Certificates")(verify)
app.command(rich_help_panel="Certificates")(gates)
app.command(rich_help_panel="Overview")(check)
app.command(rich_help_panel="Overview")(doctor)
app.command(cls=ManyCommand, rich_help_panel="Overview")(plan)
app.command(cls=ManyCommand, rich_help_panel="Overview")(why)
app.command(cls=ManyCommand, rich_help_panel="Overview")(export)
app.command(rich_help_panel="Overview")(redraw)
app.command(rich_help_panel="Overview")(compare)
app.command(hidden=True)(schema)
