"""Resolves a checked configuration to the jobs of every stage."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posterity.assets.declared import DECLARED, parse
from posterity.configuration import autoencoders, classifiers, explorers, possible, severities, toys, training
from posterity.configuration.checks import Checked, checked
from posterity.configuration.fingerprint import fingerprint, printed
from posterity.configuration.known import NETWORKS
from posterity.configuration.needs import Needs
from posterity.configuration.problems import Problems
from posterity.configuration.samplers import settle

__all__ = ["Job", "Plan", "resolve"]

Key = tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One run of one stage; ``key`` holds the values of the wildcards in its output's path."""

    stage: str
    key: Key
    settings: Mapping[str, Any]

    @property
    def json(self) -> str:
        """Return the settings as canonical JSON (sorted keys, no spaces), so that equal settings give equal text."""
        return json.dumps(self.settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @property
    def code(self) -> str:
        """Return the hash of the library modules that the job runs."""
        return fingerprint(self.stage, self.settings)


@dataclass
class Plan:
    """All jobs of a configuration, by stage and key.

    ``experiments`` are made by default and are in the report; those ``on_request`` are made only on request.
    ``sources`` gives the file or folder of each dataset, ``runs`` the (dataset, task, prior, sampler) of each
    experiment, ``toys`` its (closed-form prior, dimension, name), ``responses`` the files of answers to its
    study, ``weights`` the weights file of each network prior, ``checkpoints`` the published files they are converted
    from, ``encoders`` the weights file of each severity encoder, ``autoencoders`` that of each prior's autoencoder
    that is a network, ``first_stages`` the published files that autoencoders are converted from, and ``classifiers``
    the weights file of each classifier. ``optional`` lists restorers that are N/A if their asset is absent; ``needs``
    gives the resources that jobs request from a scheduler.
    """

    follow_code: bool = field(default=True, kw_only=True)
    """True if an edit of the library reruns the jobs that it affects."""
    follow_versions: bool = field(default=False, kw_only=True)
    """True if a new version of a package reruns the jobs that depend on it."""
    titles: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Those of the experiments."""
    data: str
    results: str
    experiments: list[str]
    on_request: list[str] = field(default_factory=list)
    jobs: dict[str, dict[Key, Job]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[Key]] = field(default_factory=dict)
    toys: dict[str, list[Key]] = field(default_factory=dict)
    responses: dict[str, list[str]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    autoencoders: dict[str, str] = field(default_factory=dict)
    first_stages: dict[str, str] = field(default_factory=dict)
    classifiers: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    needs: Needs = field(default_factory=lambda: Needs([]))

    def add(self, stage: str, key: Key, settings: Mapping[str, Any]) -> None:
        """Add a job; a second one with the same key must be equal."""
        self.jobs.setdefault(stage, {})[key] = Job(stage, key, settings)

    def job(self, stage: str, *key: str) -> Job:
        """Return the job with this key; raise KeyError if the configuration has none."""
        return self.jobs[stage][key]

    def has(self, stage: str, *key: str) -> bool:
        return key in self.jobs.get(stage, {})

    def keys(self, stage: str) -> list[Key]:
        return list(self.jobs.get(stage, {}))

    def of(self, stage: str, experiment: str) -> list[Key]:
        """Return the keys of the stage's jobs that begin with the experiment."""
        return [key for key in self.keys(stage) if key[0] == experiment]

    def asset(self, name: str) -> str:
        """Return the path of a fetched asset."""
        return f"{self.data}/assets/{name}/{self.job('fetch', name).settings['asset']['file']}"

    def absent(self, names: Iterable[str]) -> list[str]:
        """Return a line for each of these assets that users download by hand and that is not in its place."""
        known = parse({name: self.job("fetch", name).settings["asset"] for name in sorted(names)})
        root = Path(self.data, "assets")
        return [
            f"asset {asset.name!r} is missing: {asset.instruction(root)}"
            for asset in known.values()
            if asset.by_hand and not asset.place(root).exists()
        ]

    def __iter__(self) -> Iterator[Job]:
        for jobs in self.jobs.values():
            yield from jobs.values()


def resolve(
    config: Mapping[str, Any],
    folder: Path = Path("config"),
    assets: Path = DECLARED,
) -> Plan:
    """Check a configuration and resolve it to jobs.

    Arguments:
        config: config.yaml with its overlays merged in.
        folder: folder of datasets/, tasks/, priors/, samplers/ and experiments/.
        assets: the list of declared assets.

    Raises:
        ConfigurationError: with one line for each mistake.
    """
    problems = Problems()
    c = checked(config, folder, assets, problems)
    default = list(c.config["experiments"])
    plan = Plan(c.config["data"], c.config["results"], default, [n for n in c.planned if n not in default])
    pools, shown, items = _pools(c, problems), _shown(c, problems), _items(c, problems)
    problems.stop()
    possible.check(c, pools, problems)
    for name in c.planned:
        explorers.check(c, name, problems)
    problems.stop()
    for name in c.planned:
        for stage, one, options in possible.check_products(c, name, pools, shown, problems):
            plan.add(stage, (name, one), {"experiment": name, stage: one, **options, **printed(stage, one)})
    problems.stop()
    for name, asset in c.assets.items():
        plan.add("fetch", (name,), {"asset": asset})
    plan.sources = {name: value.get("path") or plan.asset(value["asset"]) for name, value in c.datasets.items()}
    _networks(plan, c)
    trained_on = (autoencoders.plan_all, severities.plan_encoders, classifiers.plan_all)
    for dataset in [one for plan_all in trained_on for one in plan_all(plan, c)]:
        _prepare(plan, c, dataset)
    for (dataset, task, prior, name), samples in pools.items():
        _upstream(plan, c, dataset, task, prior, items[dataset, task])
        sampler = settle(c.samplers[name], prior, task, dataset)
        if severity := c.severity(c.samplers[name], prior, task, dataset):
            about = {"dataset": dataset, "task": task, "prior": c.prior(prior)}
            about["severity"] = severities.estimator(c, severity)
            plan.add("severity", (dataset, task, prior, severity), about)
        run = {"dataset": dataset, "task": task, "prior": c.prior(prior), "sampler": sampler}
        plan.add("sample", (dataset, task, prior, name), run | {"samples": samples, "seed": c.config["seed"]})
    for key, settings in shown.items():
        measured = {k: settings[k] for k in ("count", "metrics")} | {"seed": c.config["seed"]}
        plan.add("measure", key, measured)
        if settings["subsets"]:
            chosen = {k: settings[k] for k in ("count", "features", "subsets")} | {"seed": c.config["seed"]}
            plan.add("select", key, chosen)
    classifiers.plan_runs(plan, c, problems)
    for name in c.planned:
        plan.toys[name] = _toys(plan, c, name, problems)
    problems.stop()
    for name in c.planned:
        _downstream(plan, c, name)
    benchmarks = Path(plan.results, "benchmarks")
    plan.needs = Needs(c.config["resources"], frozenset(plan.weights), c.config["jobs_per_gpu"], benchmarks)
    plan.follow_code, plan.follow_versions = c.config["follow_code"], c.config["follow_versions"]
    plan.titles = {name: c.experiments[name]["title"] for name in c.planned}
    titles = " · ".join(plan.titles[name] for name in plan.experiments)
    about = {name: _about(c.experiments[name]) for name in plan.experiments}
    report: dict[str, Any] = {"title": titles, "experiments": plan.experiments, "about": about}
    if plan.on_request:
        report["further"] = {name: c.experiments[name].get("title", name) for name in plan.on_request}
    if explored := [name for name in plan.experiments if plan.has("explorer", name)]:
        report["explorers"] = explored
    plan.add("report", (), report)
    return plan


def _about(experiment: Mapping[str, Any]) -> dict[str, str]:
    """Return what the report shows of an experiment: title, about, and its definition as sorted YAML."""
    import yaml

    words = {k: experiment[k] for k in ("title", "about") if k in experiment}
    return words | {"configuration": yaml.safe_dump(experiment, sort_keys=True, allow_unicode=True, width=100)}


def _pools(c: Checked, problems: Problems) -> dict[Key, int]:
    """Return {(dataset, task, prior, sampler): number of samples}, the most that any run asks for."""
    out: dict[Key, int] = {}
    for name in c.planned:
        for path, run in c.runs(name):
            for key in c.combinations(path, run, problems):
                out[key] = max(out.get(key, 0), run.get("samples", 5))
    return out


def _shown(c: Checked, problems: Problems) -> dict[Key, dict[str, Any]]:
    """Return the subsets and metrics of every run: the union of what the experiments ask for."""
    out: dict[Key, dict[str, Any]] = {}
    for name in c.planned:
        experiment = c.experiments.get(name, {})
        for path, run in c.runs(name):
            for key in c.combinations(path, run, Problems()):
                count, features = experiment.get("count", 5), run.get("features", "attributes")
                own = out.setdefault(key, {"count": count, "features": features, "subsets": {}, "metrics": []})
                if own["count"] != count:
                    problems.add(
                        f"experiments.{name}.count",
                        count,
                        f"another experiment shows {own['count']} of {'/'.join(key)}",
                    )
                if run.get("subsets") and own["subsets"] and own["features"] != features:
                    problems.add(
                        f"{path}.features", features, f"another run selects {'/'.join(key)} by {own['features']!r}"
                    )
                if run.get("subsets"):
                    own["features"] = features
                    own["subsets"] |= c.rules(run["subsets"])
                wanted = {*own["metrics"], *experiment.get("metrics", [])}
                own["metrics"] = [m for m in c.metrics if m in wanted]
    return out


def _items(c: Checked, problems: Problems) -> dict[Key, int]:
    """Return {(dataset, task): number of measurements}, which all runs share."""
    out: dict[Key, int] = {}
    for name in c.planned:
        for path, run in c.runs(name):
            count = run.get("items", c.config["items"])
            others = defaultdict(list)
            for key in ((run["dataset"], task) for task in run["tasks"]):
                if out.setdefault(key, count) != count:
                    others[out[key]].append("/".join(key))
            for other, these in others.items():
                problems.add(f"{path}.items", count, f"another run measures {other} items of {', '.join(these)}")
    return out


def _upstream(plan: Plan, c: Checked, dataset: str, task: str, prior: str, items: int) -> None:
    seed = c.config["seed"]
    _prepare(plan, c, dataset)
    measured = {"dataset": dataset, "task": {"name": task, **c.tasks[task]}, "items": items, "seed": seed}
    plan.add("degrade", (dataset, task), measured)
    if c.closed_form(task, prior):
        settings = {"dataset": dataset, "task": task, "prior": c.prior(prior)}
        plan.add("posterior", (dataset, task, prior), settings)


def _toys(plan: Plan, c: Checked, experiment: str, problems: Problems) -> list[Key]:
    """Add the jobs on closed-form problems; a job shared by two experiments must have the same settings."""
    keys: list[Key] = []
    for path, section in c.toys(experiment):
        for dim in section["dims"]:
            for name, one in toys.jobs(section).items():
                key = (section["prior"], str(dim), name)
                settings = {"prior": section["prior"], "dim": dim, "name": name, "seed": c.config["seed"], **one}
                if plan.has("distance", *key) and plan.job("distance", *key).settings != settings:
                    problems.add(path, name, f"another one is {'/'.join(key)} with other settings; rename one")
                plan.add("distance", key, settings)
                keys.append(key)
    return keys


def _prepare(plan: Plan, c: Checked, dataset: str) -> None:
    about = {k: v for k, v in c.datasets[dataset].items() if k in ("kind", "select", "size", "count")}
    plan.add("prepare", (dataset,), {"dataset": dataset} | about)


def _networks(plan: Plan, c: Checked) -> None:
    """Add every network's weights and the jobs that make them, including networks that no experiment uses yet."""
    for name, prior in c.priors.items():
        if prior["kind"] == "restorer":
            if "file" not in prior and prior["asset"] in c.assets:
                plan.optional[name] = prior["asset"]
                plan.weights[name] = plan.asset(prior["asset"])
            elif "file" in prior:
                plan.weights[name] = prior["file"]
    networks = {name: prior for name, prior in c.priors.items() if prior["kind"] in NETWORKS}
    for name, prior in networks.items():
        if "train" in prior:
            plan.weights[name] = f"{plan.data}/priors/{name}/weights.safetensors"
            plan.add("train", (name,), training.settings(name, prior, c.prior(name).get("autoencoder")))
            for dataset in prior["train"]["datasets"]:
                _prepare(plan, c, dataset)
        if "checkpoint" in prior:
            plan.weights[name] = f"{plan.data}/priors/{name}/weights.safetensors"
            about = {"prior": name, "about": prior.get("about", ""), "sha256": None, "settings": {}}
            origin = prior["checkpoint"]
            plan.add("convert", (name,), about | {k: v for k, v in origin.items() if k not in ("asset", "file")})
            if "file" in origin:
                plan.checkpoints[name] = origin["file"]
            elif origin["asset"] in c.assets:
                plan.checkpoints[name] = plan.asset(origin["asset"])
        if "weights" in prior:
            plan.weights[name] = prior["weights"]


def _downstream(plan: Plan, c: Checked, name: str) -> None:
    experiment = c.experiments[name]
    plan.runs[name] = list(dict.fromkeys(k for p, r in c.runs(name) for k in c.combinations(p, r, Problems())))
    if "explorer" in experiment:
        _prepare(plan, c, experiment["explorer"]["dataset"])
        plan.add("explorer", (name,), explorers.settings(c, name))
    study = experiment.get("study")
    if study is None:
        return
    asked = {k: study.get(k, default) for k, default in (("questions", 50), ("simulate", 0))}
    asked["comparisons"] = study["comparisons"]
    common = {"experiment": name, "count": experiment.get("count", 5), "seed": c.config["seed"]}
    plan.add("study", (name,), common | asked)
    if study.get("responses") or asked["simulate"]:
        plan.responses[name] = list(study.get("responses", []))
        analysis = {"seed": c.config["seed"], "replicates": study.get("replicates", 10000)}
        analysis |= {key: study[key] for key in ("partial", "effects", "failures") if study.get(key)}
        plan.add("analyse", (name,), analysis)
