"""Gathers the report's content from files and renders it into one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posterity import figures, tables
from posterity.artifacts import store
from posterity.artifacts.origin import changed
from posterity.report.findings import Finding, findings, names
from posterity.report.grids import Shown, shown
from posterity.report.pictures import Picture, files, picture
from posterity.report.rendering import rendered
from posterity.study.design import STUDIES
from posterity.tables.frames import KEYS, Frames

__all__ = ["Experiment", "Page", "gather", "render"]

_SECTIONS = ("gallery", "exact", "analysis", "study")
_OPENING = ("answers", "error_cost")
"""Figures at the beginning of an experiment's part."""
_PLACED = ("exact_posterior", "cost")
"""Tables with a section of their own."""


@dataclass
class Experiment:
    """The contents of one experiment's part.

    Arguments:
        name: its key; title and about: the question it asks, in words.
        configuration: its definition as YAML.
        opening: figures at its beginning; findings: the sentences beside them.
        figures: {section: figures}.
        tables: {name: table}.
        answers: results of the analysed study, by kind of question.
        study: whether it has a page for participants; explorer: whether it has an explorer.
    """

    name: str
    title: str = ""
    about: str = ""
    configuration: str = ""
    opening: list[Picture] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, list[Picture]] = field(default_factory=lambda: {s: [] for s in _SECTIONS})
    tables: dict[str, Shown] = field(default_factory=dict)
    answers: dict[str, Shown] = field(default_factory=dict)
    study: bool = False
    explorer: bool = False

    @property
    def pictures(self) -> list[Picture]:
        """Every figure, in the order of the page."""
        return [*self.opening, *(one for section in _SECTIONS for one in self.figures[section])]

    @property
    def others(self) -> list[Shown]:
        """Tables that have no section of their own."""
        return [table for name, table in self.tables.items() if name not in _PLACED]


@dataclass
class Page:
    """All that the template prints.

    Arguments:
        title: of the page.
        facts: versions and revisions.
        samplers: (in words, key).
        runs: what was measured.
        experiments: those that were made.
        licences: of the data sets.
        further: (target of the workflow, title) of experiments that are made when asked for.
    """

    title: str
    facts: list[tuple[str, str]]
    samplers: list[tuple[str, str]]
    runs: list[dict[str, Any]]
    experiments: list[Experiment]
    licences: list[tuple[str, str, str]]
    further: list[tuple[str, str]] = field(default_factory=list)


def gather(settings: Mapping[str, Any], inputs: Iterable[Path], page: Path) -> Page:
    """Sort files into experiments: tables and questions by their content, figures by their folder.

    Tables and figures are in the order of their packages' lists, others behind them. ``settings`` are those of
    :func:`posterity.stages.report.run`, and ``page`` is the output path, which addresses are relative to.
    """
    paths = [Path(p) for p in inputs]
    about, explorers = settings.get("about", {}), settings.get("explorers", ())
    experiments = {n: Experiment(n, **about.get(n, {}), explorer=n in explorers) for n in settings["experiments"]}
    frames = Frames([p for p in paths if p.suffix == ".parquet"], "the report")
    _tables(frames, experiments)
    for artifact in frames.of("questions"):
        for name in set(store.read(artifact.path, "questions", ["experiment"])["experiment"].to_pylist()):
            if name in experiments:
                experiments[name].study = True
    for path in files(paths):
        if path.parent.name in experiments:
            own, one = experiments[path.parent.name], picture(path, page)
            (own.opening if one.name in _OPENING else own.figures[one.section]).append(one)
    for experiment in experiments.values():
        experiment.tables = dict(sorted(experiment.tables.items(), key=lambda pair: _place(pair[0], tables.names())))
        for pictures in (*experiment.figures.values(), experiment.opening):
            pictures.sort(key=lambda one: _place(one.name, figures.names()))
    runs, words = _runs(frames), names(frames)
    samplers = sorted((words.get(name, name), name) for name in {name for run in runs for name in run["samplers"]})
    further = [(name.replace("-", "_"), title) for name, title in settings.get("further", {}).items()]
    made = list(experiments.values())
    return Page(settings["title"], _facts(frames), samplers, runs, made, _licences(paths), further)


def _tables(frames: Frames, experiments: Mapping[str, Experiment]) -> None:
    """Fill in the tables, and the findings derived from them."""
    words, found = names(frames), dict[str, dict[str, list[dict[str, Any]]]]()
    for artifact in frames.of("tables"):
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in store.read(artifact.path, "tables").to_pylist():
            groups.setdefault((row["experiment"], row["table"]), []).append(row)
        for (name, table), rows in groups.items():
            if name in experiments:
                own = experiments[name].answers if table in STUDIES else experiments[name].tables
                own[table] = shown(rows, artifact.about.get("origin", {}))
                found.setdefault(name, {})[table] = rows
    for name, tables_of in found.items():
        experiments[name].findings = findings(tables_of, words)


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def render(page: Page) -> str:
    """Return the page as self-contained HTML, which requests nothing when it is opened."""
    return rendered("report.html", page=page)


def _facts(frames: Frames) -> list[tuple[str, str]]:
    """Return the versions and revisions that the inputs were made with, and which inputs are out of date."""
    revisions = sorted({a.about["revision"] for a in frames.artifacts if "revision" in a.about})
    versions: dict[str, set[str]] = {}
    for artifact in frames.artifacts:
        for name, version in artifact.about.get("versions", {}).items():
            versions.setdefault(name, set()).add(version)
    out = [("revision", ", ".join(r[:12] for r in revisions))] if revisions else []
    old = [
        f"{a.path} (made from other inputs: {', '.join(files)})"
        for a in frames.artifacts
        if (files := changed(a.about))
    ]
    out += [("out of date", "; ".join(old))] if old else []
    return out + [(name, ", ".join(sorted(found))) for name, found in sorted(versions.items())]


def _runs(frames: Frames) -> list[dict[str, Any]]:
    """Return what was measured: one row per (dataset, task, prior) with its samplers and number of items."""
    if not frames.of("metrics"):
        return []
    rows = frames.frame("metrics", (*KEYS, "item"))
    groups = rows.groupby(["dataset", "task", "prior"])
    return [
        {
            "dataset": k[0],
            "task": k[1],
            "prior": k[2],
            "items": g["item"].nunique(),
            "samplers": sorted(g["sampler"].unique()),
        }
        for k, g in groups
    ]


def _licences(paths: Sequence[Path]) -> list[tuple[str, str, str]]:
    """Return (data set, first paragraph, rest) of the licence texts among the inputs, named by their folders."""
    texts = [(p.parent.name, p.read_text(encoding="utf-8").strip()) for p in sorted(paths) if p.suffix == ".txt"]
    return [(name, first, rest.strip()) for name, text in texts for first, _, rest in [text.partition("\n\n")]]
