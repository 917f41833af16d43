"""Checks that an experiment is feasible: operators and priors on its signals, items, subsets, tables and figures.

All parts are valid by themselves here; whether they fit together is tried with the stages' own code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import json_reader
from posterity.configuration import autoencoders, classifiers, products, severities, toys, trials
from posterity.configuration.checks import Checked
from posterity.configuration.known import NETWORKS
from posterity.configuration.problems import Problems
from posterity.configuration.products import Made
from posterity.configuration.samplers import settle
from posterity.configuration.shapes import check as fits
from posterity.configuration.shapes import schema
from posterity.errors import PosterityError
from posterity.stages import _settings

if TYPE_CHECKING:
    from posterity.datasets.items import Outline

__all__ = ["check", "check_products", "signal_shape"]

Key = tuple[str, ...]


def check(c: Checked, pools: Mapping[Key, int], problems: Problems) -> None:
    """Add a line for everything in the planned experiments that a job would fail on.

    Arguments:
        c: the checked configuration.
        pools: {(dataset, task, prior, sampler): number of samples}.
        problems: collects the lines.
    """
    outlines: dict[str, Outline] = {}
    for name, dataset in c.datasets.items():
        try:
            outlines[name] = trials.outline(dataset)
        except PosterityError as error:
            problems.say(f"datasets.{name}", str(error))
    _items(c, outlines, problems)
    _tasks(c, outlines, problems)
    for name in c.planned:
        for at, run in c.runs(name):
            if run["dataset"] in outlines:
                _run(c, at, run, outlines[run["dataset"]], problems)
                severities.used(c, at, run, problems)
                autoencoders.used(c, at, run, outlines, problems)
                classifiers.used(c, at, run, outlines, problems)
                _chosen(c, at, run, pools, c.experiments[name].get("count", 5), problems)
    trials.keep()
    autoencoders.behind_training(c, outlines, problems)
    classifiers.behind_training(c, outlines, problems)
    for name, prior in c.priors.items():
        for dataset in prior.get("train", {}).get("datasets", {}):
            split = prior["train"].get("split", "prior")
            if dataset in outlines and split not in ("all", *outlines[dataset].splits):
                said = f"dataset {dataset!r} has no such split (it has {', '.join(outlines[dataset].splits)})"
                problems.add(f"priors.{name}.train.split", split, said)


def _items(c: Checked, outlines: Mapping[str, Outline], problems: Problems) -> None:
    """Check the default number of items against the smallest dataset that it applies to."""
    runs = [run for name in c.planned for _, run in c.runs(name) if run["dataset"] in outlines and "items" not in run]
    least = min(runs, key=lambda run: outlines[run["dataset"]].most, default=None)
    if least is not None and c.config["items"] > (most := outlines[least["dataset"]].most):
        problems.add("items", c.config["items"], f"dataset {least['dataset']!r} has {most} test items at most")


def _tasks(c: Checked, known: Mapping[str, Outline], problems: Problems) -> None:
    """Try every task on the signals of every dataset that it is run on; group failures into few lines."""
    runs = [run for name in c.planned for _, run in c.runs(name) if run["dataset"] in known]
    pairs = dict.fromkeys((task, run["dataset"]) for run in runs for task in run["tasks"])
    failed = {pair: said for pair in pairs if (said := trials.task(c.tasks[pair[0]], c.datasets[pair[1]]))}
    while failed:
        counts = Counter(name for pair in failed for name in enumerate(pair))
        (of_dataset, name), _ = counts.most_common(1)[0]
        here = {pair: said for pair, said in failed.items() if pair[of_dataset] == name}
        failed = {pair: said for pair, said in failed.items() if pair not in here}
        (task, dataset), said = next(iter(here.items()))
        size = c.datasets[dataset]["size"]
        others = [pair[1 - of_dataset] for pair in here][1:]
        more = f"; nor can {', '.join(others)}" if others else ""
        if of_dataset:
            problems.add(f"datasets.{name}.size", size, f"task {task!r} cannot be done: {said}{more}")
        else:
            problems.say(f"tasks.{name}", f"for {known[dataset].words(dataset, size)}: {said}{more}")


def _run(c: Checked, at: str, run: Mapping[str, Any], outline: Outline, problems: Problems) -> None:
    """Check one run against its dataset."""
    name, dataset = run["dataset"], c.datasets[run["dataset"]]
    these = outline.words(name, dataset["size"])
    if run.get("items", 1) > outline.most:
        problems.add(f"{at}.items", run["items"], f"dataset {name!r} has {outline.most} test items at most")
    prior = c.priors.get(run["prior"], {})
    closed = bool(prior) and schema("priors")[prior["kind"]]["made_of"] == "dataset"
    if closed and (wrong := trials.partition(c.prior(run["prior"]), dataset)):
        problems.say(f"priors.{run['prior']}", f"for {these}: {wrong}")
    wanted = list(outline.shape(dataset["size"]))
    of_signals = prior.get("kind") in NETWORKS and "weights" in prior and "autoencoder" not in prior
    shape = signal_shape(Path(prior["weights"])) if of_signals else None
    if of_signals and (wrong := _of_another_kind(Path(prior["weights"]), prior["kind"])):
        problems.add(f"{at}.prior", run["prior"], wrong)
    # one that is trained here may be made for another size, but never for another kind of signal
    if shape is not None and (len(shape) != len(wanted) if "train" in prior else shape != wanted):
        problems.add(f"{at}.prior", run["prior"], f"its card is for signals of shape {shape}, not for {these}")
    if run.get("subsets"):
        features = run.get("features", "attributes")
        wrong = trials.features(features, dataset)
        if features == "attributes" and not outline.described:
            wrong = f"the items of dataset {name!r} do not differ in attributes; choose other features"
        if wrong:
            problems.add(f"{at}.features", features, wrong)


def signal_shape(weights: Path) -> list[int] | None:
    """Return the signal shape (*signal) declared by the card beside the weights.

    It is None if there is no readable card; the job will then report that in one line.
    """
    return _card(weights).get("signal_shape")


def _of_another_kind(weights: Path, kind: str) -> str | None:
    """Return why the card beside the weights is not of this kind of prior; None if it is, or cannot be read."""
    card = _card(weights)
    found = NETWORKS["condition" in card]
    return None if not card or found == kind else f"its card is of a prior of kind {found}, not {kind}"


def _card(weights: Path) -> dict[str, Any]:
    """Return the card beside the weights; {} if there is no readable one."""
    try:
        card = json_reader.read(weights.with_name("card.json")) if weights.name else None
    except json_reader.Unreadable:
        return {}
    return card if isinstance(card, dict) else {}


def _chosen(
    c: Checked, at: str, run: Mapping[str, Any], pools: Mapping[Key, int], count: int, problems: Problems
) -> None:
    """Check that the subset rules of a run can choose from its pools."""
    methods, features = schema("subsets"), run.get("features", "attributes")
    sizes = sorted({pools[key] for key in c.combinations(at, run, Problems())})
    for name, rule in c.rules(run.get("subsets", [])).items():
        given = {k: v for k, v in rule.items() if k != "method"}
        if rule["method"] not in methods or not fits(given, methods[rule["method"]]["settings"], at, Problems()):
            continue  # reported already
        for size in sizes:
            if wrong := trials.rule(rule, features, size, count):
                problems.say(f"{at}.subsets.{name}", f"out of {size} samples: {wrong}")


def check_products(
    c: Checked, name: str, pools: Mapping[Key, int], shown: Mapping[Key, Mapping[str, Any]], problems: Problems
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (stage, name, options) of an experiment's tables and figures; add a line for each that cannot be made.

    ``all`` silently omits those.
    """
    experiment = c.experiments[name]
    made = _made(c, name, pools, shown)
    lacks: list[tuple[str, str, str]] = []
    for package in ("tables", "figures"):
        wanted = experiment.get(package, [])
        stage = package.removesuffix("s")
        for one, options in c.products(wanted, package).items():
            try:
                _settings.check(stage, {"experiment": name, stage: one, **options})
            except PosterityError as error:
                # what a YAML alias repeats is one mistake
                lists = [value for value in options.values() if isinstance(value, list)]
                for line in str(error).splitlines() if not any(map(problems.reported, lists)) else ():
                    problems.say(f"experiments.{name}.{package}.{one}", line.removeprefix("--settings: "))
                for value in lists:
                    problems.report(value)
                continue
            lack = products.lacking(package, one, made.within(options))
            if lack is None:
                yield stage, one, options
            elif wanted != "all":
                lacks.append((package, one, f"{lack}{_of(options)}"))
    if len(lacks) == 1:
        ((package, one, lack),) = lacks
        problems.add(f"experiments.{name}.{package}", one, f"needs {lack}, which the experiment does not make")
    elif lacks:  # a single missing run can make many products impossible: report them together
        needed = {lack: [f"{package}.{one}" for package, one, other in lacks if other == lack] for *_, lack in lacks}
        said = "; nor ".join(f"{lack} (for {', '.join(these)})" for lack, these in needed.items())
        problems.say(f"experiments.{name}", f"does not make {said}")


def _of(options: Mapping[str, Any]) -> str:
    """Return in words the options that restrict a product to part of the experiment."""
    return f" of {', '.join(f'{key} {value}' for key, value in options.items())}" if options else ""


def _made(c: Checked, name: str, pools: Mapping[Key, int], shown: Mapping[Key, Mapping[str, Any]]) -> Made:
    keys = [key for at, run in c.runs(name) for key in c.combinations(at, run, Problems())]
    known = {key: settle(c.samplers[key[3]], key[2], key[1], key[0]) for key in keys}
    of_toys = {one: len(job["runs"]) for _, section in c.toys(name) for one, job in toys.jobs(section).items()}
    subsets = {key: shown[key]["subsets"] for key in keys if shown[key]["subsets"]}
    exact = [key for key in keys if c.closed_form(key[1], key[2])]
    metrics = {metric for key in keys for metric in shown[key]["metrics"]}
    comparisons = c.experiments[name].get("study", {}).get("comparisons", [])
    return Made(
        known, c.tasks, pools, subsets, exact, metrics, of_toys, comparisons, [*classifiers.classified(c, name)]
    )
