"""Checks every part of a configuration and the references between them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from posterity import features
from posterity.assets.declared import load
from posterity.configuration import autoencoders, classifiers, severities, toys, training
from posterity.configuration.known import ANSWERED, NETWORKS, RULES, exact, lacking, own
from posterity.configuration.loading import gather
from posterity.configuration.places import no_file, no_folder
from posterity.configuration.problems import Problems
from posterity.configuration.samplers import Named, catalogue, defined, foreign_reach, settle
from posterity.configuration.shapes import NAME, check, datasets, defaults, priors, schema, tasks
from posterity.errors import PosterityError

__all__ = ["Checked", "checked"]

Key = tuple[str, ...]


@dataclass
class Checked:
    """The valid parts of a configuration; each invalid part is left out and has a line in the problems."""

    config: dict[str, Any]
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    autoencoders: dict[str, dict[str, Any]] = field(default_factory=dict)
    priors: dict[str, dict[str, Any]] = field(default_factory=dict)
    severities: dict[str, dict[str, Any]] = field(default_factory=dict)
    classifiers: dict[str, dict[str, Any]] = field(default_factory=dict)
    samplers: dict[str, Named] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: Collection[str] = field(default_factory=lambda: tuple(schema("metrics")))

    @property
    def planned(self) -> list[str]:
        """Return the experiments made by default, then those made on request."""
        return list(dict.fromkeys([*self.config["experiments"], *self.config["on_request"]]))

    @property
    def fetched(self) -> set[str]:
        """Return the paths of the assets that the workflow can fetch."""
        return {f"{self.config['data']}/assets/{name}/{asset['file']}" for name, asset in self.assets.items()}

    def runs(self, experiment: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (path in the configuration, run) for the runs of a valid experiment."""
        for i, run in enumerate(self.experiments.get(experiment, {}).get("runs", [])):
            yield f"experiments.{experiment}.runs[{i}]", run

    def toys(self, experiment: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (path in the configuration, section) for its closed-form problems."""
        for i, section in enumerate(self.experiments.get(experiment, {}).get("toys", [])):
            yield f"experiments.{experiment}.toys[{i}]", section

    def combinations(self, path: str, run: Mapping[str, Any], problems: Problems) -> Iterator[Key]:
        """Yield (dataset, task, prior, sampler) of a run; add a line for each explicitly named one that cannot work."""
        everything = run["samplers"] == "all"
        names = [n for n, s in self.samplers.items() if s.in_all] if everything else run["samplers"]
        for task in run["tasks"]:
            for name in names:
                if not (task in self.tasks and name in self.samplers and run["prior"] in self.priors):
                    continue
                lack = self._lacking(run["dataset"], task, run["prior"], name)
                if lack is None:
                    yield run["dataset"], task, run["prior"], name
                elif not everything:
                    problems.add(
                        f"{path}.samplers", name, f"cannot do task {task!r} with prior {run['prior']!r}: needs {lack}"
                    )

    def _lacking(self, dataset: str, task: str, prior: str, name: str) -> str | None:
        """Return why a sampler cannot do a task with a prior, in words; None if it can."""
        sampler, about = self.samplers[name], self.prior(prior)
        lack = lacking(sampler.needs, self.tasks[task], about) or self._unknown(dataset, task, prior, sampler)
        if lack is None and "autoencoder" in about and (reach := foreign_reach(sampler, prior, task, dataset)):
            return (
                f"a reach in units of latent states: its {reach} is for signals; override it `when` the prior is this"
            )
        return lack

    def severity(self, sampler: Named, prior: str, task: str, dataset: str) -> str | None:
        """Return the name of the severity that gives a sampler its late start; None if it has none."""
        wrap = settle(sampler, prior, task, dataset)["wrap"]
        return next((given["severity"] for one in wrap for name, given in one.items() if name == "flash"), None)

    def _unknown(self, dataset: str, task: str, prior: str, sampler: Named) -> str | None:
        """Return why a task lacks the severity that a sampler needs, in words; None if it has it."""
        name = self.severity(sampler, prior, task, dataset)
        if name not in self.severities:
            return None  # no late start, or reported already
        kind, about = self.severities[name], self.prior(prior)
        needs = {*schema("severities")[kind["kind"]]["needs"], *([kind["by"]] if "by" in kind else [])}
        # the severity is estimated with A itself, also for a latent prior
        return lacking({*needs, *(["latent"] if "autoencoder" in about else [])}, self.tasks[task], about)

    def closed_form(self, task: str, prior: str) -> bool:
        return exact(self.tasks[task], self.prior(prior))

    def prior(self, name: str) -> dict[str, Any]:
        """Return a prior's settings for a job; a network's omit the source of its weights, which are an input file."""
        of_file = schema("priors")[self.priors[name]["kind"]]["made_of"] == "file"
        keys = ("weights", "train", "checkpoint", "asset", "file", "about") if of_file else ()
        settings = {"name": name, **{k: v for k, v in self.priors[name].items() if k not in keys}}
        if "autoencoder" in settings:
            settings["autoencoder"] = autoencoders.settled(self.autoencoders, settings["autoencoder"])
        return settings

    def rules(self, subsets: list[str] | Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return {name: {method, all settings}} for subsets given as a list of names or as {name: settings}."""
        out = {}
        for name in subsets:
            given = dict(subsets[name]) if isinstance(subsets, Mapping) else {}
            method = given.pop("method", name)
            out[name] = {"method": method, **given}
        return out

    def products(self, wanted: Any, package: str) -> dict[str, dict[str, Any]]:
        """Return {table or figure: its options}."""
        if wanted == "all":
            wanted = available(package)
        return {name: dict(wanted[name]) if isinstance(wanted, Mapping) else {} for name in wanted}


def available(package: str) -> list[str]:
    """Return the names of all tables or figures."""
    found: list[str] = import_module(f"posterity.{package}").names()
    return found


def checked(config: Mapping[str, Any], folder: Path, assets: Path, problems: Problems) -> Checked:
    """Fill in defaults and add a line to ``problems`` for every mistake."""
    everything = gather(config, folder, problems)
    shape = schema("parts")["config"]
    definitions = everything.pop("definitions")
    if not check(everything, shape, "", problems):
        problems.stop()
    c = Checked(defaults(shape) | everything)
    for key in ("data", "results"):
        if wrong := no_folder(c.config[key]):
            problems.add(key, c.config[key], wrong)
    c.assets = _assets(assets, problems)
    for part in ("datasets", "tasks", "autoencoders", "priors", "severities", "classifiers", "samplers"):
        for name in c.config.get(part) or {}:
            _name(f"{part}.{name}", name, problems)
    for name, value in c.config["datasets"].items():
        if check(value, datasets(), f"datasets.{name}", problems):
            _dataset(c, name, value, problems)
    _kinds(c.config["tasks"], "tasks", tasks(), "operator", c.tasks, problems)
    _kinds(c.config["autoencoders"], "autoencoders", schema("parts")["autoencoder"], "kind", c.autoencoders, problems)
    autoencoders.check(c, problems)
    _kinds(c.config["priors"], "priors", priors(), "kind", c.priors, problems)
    for name, prior in list(c.priors.items()):
        if "autoencoder" in prior and not problems.known(
            f"priors.{name}.autoencoder", prior["autoencoder"], c.autoencoders, "autoencoder"
        ):
            problems.faulty("priors", name)
            del c.priors[name]
    _kinds(c.config["severities"], "severities", severities.shapes(), "kind", c.severities, problems)
    severities.check(c, problems)
    classifiers.check(c, problems)
    _training(c, problems)
    for name, task in list(c.tasks.items()):
        one_of = schema("operators")[task["operator"]]["one_of"]
        if one_of and sum(key in task for key in one_of) != 1:
            said = f"a task of operator {task['operator']} takes exactly one of {', '.join(one_of)}"
            problems.say(f"tasks.{name}", said)
            del c.tasks[name]
    every = {"prior": c.config["priors"], "task": c.config["tasks"], "dataset": c.config["datasets"]}
    every["severity"] = c.config["severities"]
    c.samplers = catalogue(c.config["samplers"], every, problems)
    keys = schema("parts")["sampler"]["properties"]
    broken = [s for name, s in c.config["samplers"].items() if name not in c.samplers and isinstance(s, Mapping)]
    if any(set(definition) - set(keys) for definition in broken):
        problems.unread("samplers")  # a misspelt key may have defined these names, so they are not reported as unknown
    for name, value in definitions.items():
        _name(f"experiments.{name}", name, problems)
        _target(name, definitions, problems)
        if check(value, schema("parts")["experiment"], f"experiments.{name}", problems):
            c.experiments[name] = value
            _experiment(c, name, value, problems)
    _resources(c, problems)
    for key in ("experiments", "on_request"):
        for i, name in enumerate(c.config[key]):
            problems.known(f"{key}[{i}]", name, definitions, "experiment")
    return c


def _dataset(c: Checked, name: str, value: dict[str, Any], problems: Problems) -> None:
    """Add a dataset of valid shape if its source is named and available."""
    source = "path" if own(value["kind"]) else "asset"
    if source not in value:
        problems.say(f"datasets.{name}", f"{source!r} is missing")
        return
    if source == "path" and "asset" in value:
        problems.add(f"datasets.{name}.asset", value["asset"], f"a dataset of kind {value['kind']} has only a path")
        return
    c.datasets[name] = value
    if source == "asset":
        problems.known(f"datasets.{name}.asset", value["asset"], c.assets, "asset")
    if "path" in value and (wrong := no_file(value["path"], folder=True)):
        problems.add(f"datasets.{name}.path", value["path"], wrong)


def _resources(c: Checked, problems: Problems) -> None:
    """Check that each selector of `resources` names something that exists; otherwise the entry would have no effect."""
    for i, entry in enumerate(c.config["resources"]):
        for key in ("dataset", "task", "prior"):
            if key in entry:
                problems.known(f"resources[{i}].{key}", entry[key], c.config[f"{key}s"], key)
        if "sampler" in entry and entry.get("stage") != "distance":
            problems.known(f"resources[{i}].sampler", entry["sampler"], c.samplers, "sampler")


def _assets(path: Path, problems: Problems) -> dict[str, dict[str, Any]]:
    """Return the declared entries with their names, as plain values."""
    try:
        return {name: json.loads(json.dumps(asdict(asset))) for name, asset in load(path).items()}
    except PosterityError as error:
        for line in str(error).splitlines():
            problems.say("assets", line)
        problems.unread("assets")
        return {}


def _name(path: str, name: object, problems: Problems) -> None:
    if not (isinstance(name, str) and re.fullmatch(NAME, name)):
        problems.say(path, "a name is lower-case letters, digits, '_' and '-', and begins with a letter or digit")


def _target(name: str, others: Iterable[str], problems: Problems) -> None:
    """Check that `snakemake NAME` ("_" for "-"), which makes an experiment, is unambiguous."""
    target = str(name).replace("-", "_")
    taken = [n for n in others if n != name and str(n).replace("-", "_") == target]
    if target in RULES or taken:
        problems.say(f"experiments.{name}", f"{target!r} is {f'also {taken[0]}' if taken else 'a rule'} for snakemake")


def _kinds(
    given: Mapping[str, Any], part: str, shapes: Mapping[str, Any], key: str, out: dict[str, dict[str, Any]],
    problems: Problems,
) -> None:  # fmt: skip
    """Check definitions whose schema depends on the value of ``key``; the schema itself need not list ``key``."""
    for name, value in given.items():
        path = f"{part}.{name}"
        if not isinstance(value, Mapping):
            problems.add(path, value, "must be a mapping of names to values")
        elif key not in value:
            problems.say(path, f"{key!r} is missing (valid: {', '.join(shapes)})")
        elif problems.known(f"{path}.{key}", value[key], shapes, key):
            shape = shapes[value[key]]
            own = value if key in shape.get("properties", {}) else {k: v for k, v in value.items() if k != key}
            if check(own, shape, path, problems):
                out[name] = defaults(shape) | dict(value)
        if name not in out:
            problems.faulty(part, name)


def _experiment(c: Checked, name: str, experiment: Mapping[str, Any], problems: Problems) -> None:
    path = f"experiments.{name}"
    for i, metric in enumerate(experiment.get("metrics", [])):
        problems.known(f"{path}.metrics[{i}]", metric, c.metrics, "metric")
    for package in ("tables", "figures"):
        valid = available(package)
        for one in c.products(experiment.get(package, []), package):
            problems.known(f"{path}.{package}", one, valid, package[:-1])
    told: set[tuple[str, str]] = set()
    for at, run in c.runs(name):
        problems.known(f"{at}.dataset", run["dataset"], c.config["datasets"], "dataset")
        problems.known(f"{at}.prior", run["prior"], c.config["priors"], "prior")
        # a missing checkpoint is reported only for planned experiments, and once
        if name in c.planned and (run["prior"], run["dataset"]) not in told:
            told.add((run["prior"], run["dataset"]))
            _network(c, at, run, problems)
        for i, task in enumerate(run["tasks"]):
            problems.known(f"{at}.tasks[{i}]", task, c.config["tasks"], "task")
            if name in c.planned and "weights" in c.tasks.get(task, {}):
                _brought(c, f"{at}.tasks[{i}]", task, {"file": c.tasks[task]["weights"]}, "", problems)
        for i, sampler in enumerate(run["samplers"] if run["samplers"] != "all" else []):
            # an invalid definition is reported already
            if sampler in c.samplers or sampler not in defined(c.config["samplers"]):
                problems.known(f"{at}.samplers[{i}]", sampler, c.samplers, "sampler")
        if "features" in run:
            problems.known(f"{at}.features", run["features"], features.names(), "kind of features")
        if "classifier" in run:
            problems.known(f"{at}.classifier", run["classifier"], c.classifiers, "classifier")
        count = experiment.get("count", 5)
        if run.get("samples", 5) < count:
            problems.add(f"{at}.samples", run.get("samples", 5), f"must be at least the experiment's count, {count}")
        for _ in c.combinations(at, run, problems):
            pass
        _subsets(at, run.get("subsets", []), c, problems)
    study = experiment.get("study", {})
    if not (study.get("responses") or study.get("simulate")):
        asked = experiment.get("figures", []) if experiment.get("figures") != "all" else ANSWERED
        if drawn := [f for f in ANSWERED if f in asked]:
            need = "drawn from answers; give `study.responses` or `study.simulate`"
            problems.say(
                f"{path}.figures = {', '.join(map(repr, drawn))}", f"{'is' if len(drawn) == 1 else 'are'} {need}"
            )
    for at, section in c.toys(name):
        toys.check(at, section, problems)
    if "study" in experiment:
        _study(c, name, experiment["study"], problems)
        made = f"{c.config['results']}/study/{name}/simulated.parquet"
        for i, file in enumerate(study.get("responses", [])):
            if name in c.planned and file != made and (wrong := no_file(file)):
                problems.add(f"{path}.study.responses[{i}]", file, wrong)


def _network(c: Checked, path: str, run: Mapping[str, Any], problems: Problems) -> None:
    """Check that a run's network has weights or can be trained, on signals of the run's size."""
    prior = c.priors.get(run["prior"], {})
    if prior.get("kind") == "restorer":
        _brought(c, f"{path}.prior", run["prior"], prior, f"priors.{run['prior']}", problems)
    if prior.get("kind") not in NETWORKS:
        return
    sources, checkpoint = prior.keys() & {"weights", "train", "checkpoint"}, prior.get("checkpoint", {})
    if not sources:
        able = [key for key in ("weights", "train", "checkpoint") if key in priors()[prior["kind"]]["properties"]]
        problems.add(f"{path}.prior", run["prior"], f"it has neither `{'` nor `'.join(able)}`")
    if {"train", "checkpoint"} <= sources:
        problems.say(f"priors.{run['prior']}", "has both `train` and `checkpoint`; leave one out")
    given = {
        **checkpoint,
        "about": prior.get("about", ""),
        **({"file": prior["weights"]} if "weights" in prior else {}),
    }
    _brought(c, f"{path}.prior", run["prior"], given, f"priors.{run['prior']}.checkpoint", problems)
    size = c.datasets.get(run["dataset"], {}).get("size")
    about = prior.get("train", {}).get("settings", {})
    crop = about.get("crop") if isinstance(about, Mapping) else about
    if crop is not None and type(crop) is not int:  # reported already
        return
    for name in prior.get("train", {}).get("datasets", {}):
        trained = crop or c.datasets.get(name, {}).get("size")
        if name in c.datasets and size not in (None, trained):
            wanted = f"it is trained on signals of size {trained}, {run['dataset']!r} has {size}"
            problems.add(f"{path}.prior", run["prior"], wanted)


def _brought(c: Checked, path: str, name: str, given: Mapping[str, Any], at: str, problems: Problems) -> None:
    """Check that the file that a definition names exists, and that its asset is declared."""
    if "file" in given and given["file"] not in c.fetched and (wrong := no_file(given["file"])):
        about = given.get("about", "")
        problems.share(path, name, f"needs {given['file']!r}: {wrong}{about and f' ({about})'}")
    if "asset" in given:
        problems.known(f"{at}.asset", given["asset"], c.assets, "asset")


def _training(c: Checked, problems: Problems) -> None:
    for name, prior in c.priors.items():
        if "train" in prior and training.valid(f"priors.{name}", prior, problems):
            for dataset in prior["train"]["datasets"]:
                problems.known(f"priors.{name}.train.datasets", dataset, c.config["datasets"], "dataset")


def _study(c: Checked, name: str, study: Mapping[str, Any], problems: Problems) -> None:
    from posterity.study import design

    path, chosen = f"experiments.{name}.study", {s for _, run in c.runs(name) for s in run.get("subsets", [])}
    for i, comparison in enumerate(study["comparisons"]):
        at = f"{path}.comparisons[{i}]"
        try:
            design.parse({"experiment": name, "comparisons": [comparison]})
        except PosterityError as error:
            problems.say(at, str(error).removeprefix("study settings: "))
            continue
        for key in ("approach", "against"):
            if comparison.get(key) not in (None, "guided", "vanilla"):
                problems.known(f"{at}.{key}", comparison[key], sorted(chosen), "subset of this experiment's runs")
        for key in ("dataset", "task", "prior", "sampler"):
            if comparison.get(key) is not None:
                problems.known(
                    f"{at}.{key}", comparison[key], c.config[f"{key}s"] if key != "sampler" else c.samplers, key
                )


def _subsets(path: str, subsets: Any, c: Checked, problems: Problems) -> None:
    methods = schema("subsets")
    for name, rule in c.rules(subsets).items():
        if problems.known(
            f"{path}.subsets.{name}" if rule["method"] != name else f"{path}.subsets", rule["method"], methods, "subset"
        ):
            given = {k: v for k, v in rule.items() if k != "method"}
            check(given, methods[rule["method"]]["settings"], f"{path}.subsets.{name}", problems)
