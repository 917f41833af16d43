"""Requirements of tables and figures, so that it is known before any job runs which experiments can have them.

Each table and figure lists in its ``NEEDS`` what an experiment must make, as keys of :data:`NEEDS` here. The tables
and figures themselves also raise an error if their inputs lack it; a test keeps the two consistent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posterity.configuration.shapes import schema
from posterity.errors import PosterityError
from posterity.recipes import Recipe, partners
from posterity.tables.task_kinds import Task, inpainting, noisy, of_a_face, of_an_ecg, problem, super_resolution

__all__ = ["NEEDS", "Made", "lacking"]

_POOL = 20
"""Size of the smallest pool whose distribution is compared: :data:`posterity.tables.pools.LEAST`."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """The products of an experiment.

    Arguments:
        samplers: {(dataset, task, prior, sampler): the sampler resolved for this run}.
        tasks: {name: definition}.
        pools: number of samples of each run, the most that any experiment asks for.
        subsets: subset rules of each run.
        exact: runs whose posterior is known in closed form.
        metrics: names of the metrics.
        toys: {name of a job on closed-form problems: number of settings that it runs}.
        comparisons: comparisons of its study.
        classified: runs whose samples are classified.
    """

    samplers: Mapping[Key, Mapping[str, Any]]
    tasks: Mapping[str, Task]
    pools: Mapping[Key, int]
    subsets: Mapping[Key, Collection[str]]
    exact: Collection[Key]
    metrics: Collection[str]
    toys: Mapping[str, int]
    comparisons: Collection[Mapping[str, Any]] = ()
    classified: Collection[Key] = ()

    def within(self, options: Mapping[str, Any]) -> Made:
        """Return the part that remains if a product's options restrict dataset, task, prior or sampler."""
        wanted = [options.get(name) for name in ("dataset", "task", "prior", "sampler")]
        allowed = [[one] if isinstance(one, str) else one for one in wanted]
        fits = [key for key in self.samplers if all(a is None or k in a for k, a in zip(key, allowed, strict=True))]
        return replace(
            self,
            samplers={key: self.samplers[key] for key in fits},
            subsets={key: self.subsets[key] for key in fits if key in self.subsets},
            exact=[key for key in self.exact if key in fits],
            classified=[key for key in self.classified if key in fits],
        )


def lacking(package: str, name: str, made: Made) -> str | None:
    """Return in words what a table or figure needs and the experiment does not make; None if it makes everything.

    Each need is a key of :data:`NEEDS`, optionally with ":" and the operator of a task that must meet it
    ("metrics:sr"), or ``rules:`` with the subset rules that one run must have ("rules:random,fps").

    Arguments:
        package: "tables" or "figures".
        name: name of the table or figure.
        made: what the experiment makes.

    Raises:
        PosterityError: if its file names a need that does not exist.
    """
    for need in schema(package)[name]["needs"] or ():
        what, _, argument = need.partition(":")
        if what == "rules":
            test, words = _rules(argument.split(","))
        elif what in NEEDS:
            test, words = NEEDS[what]
        else:
            told = ", ".join([*NEEDS, "rules"])
            raise PosterityError(f"{package[:-1]} {name}: NEEDS has {what!r}, which is none of {told}")
        if argument and what != "rules":
            tasks = [task for task, about in made.tasks.items() if about["operator"] == argument]
            test, words = _among(test, tasks), f"{words} of a task of operator {argument}"
        if not test(made):
            return words
    return None


Test = Callable[[Made], bool]


def _among(test: Test, tasks: Sequence[str]) -> Test:
    return lambda made: test(made.within({"task": tasks}))


def _rules(rules: Sequence[str]) -> tuple[Test, str]:
    *others, last = rules
    return _chosen(*rules), f"the subsets {', '.join(others)} and {last} of one run" if others else f"the subset {last}"


def _run(made: Made) -> bool:
    return bool(made.samplers)


def _on(fits: Callable[[Task], bool]) -> Test:
    return lambda made: any(fits(made.tasks[key[1]]) for key in made.samplers)


def _measured(fits: Callable[[Task], bool] = lambda task: True) -> Test:  # noqa: ARG005 - any task
    """Test for metrics of a task that fits."""
    return lambda made: bool(made.metrics) and _on(fits)(made)


def _pooled(fits: Callable[[Task], bool] = lambda task: True) -> Test:
    return lambda made: any(made.pools[key] >= _POOL and fits(made.tasks[key[1]]) for key in made.samplers)


def _chosen(*rules: str) -> Test:
    return lambda made: any(set(rules) <= set(found) and found for found in made.subsets.values())


def _partners(made: Made) -> bool:
    return bool(partners({key: Recipe.of(sampler) for key, sampler in made.samplers.items()}))


def _swept(vary: str) -> Test:
    """Test for one sampler with two values of ``vary``, guidance's strength (eta) or reach, and the other fixed."""

    def test(made: Made) -> bool:
        found: dict[str, set[str]] = defaultdict(set)
        for key, sampler in made.samplers.items():
            if guidance := Recipe.of(sampler).wrapper("diversity"):
                reach = [guidance.get("threshold"), guidance.get("rms")]
                fixed, varied = (reach, guidance["eta"]) if vary == "eta" else (guidance["eta"], reach)
                like = [*key[:3], sampler["method"], sampler["settings"], fixed]
                found[json.dumps(like, sort_keys=True)].add(json.dumps(varied))
        return any(len(values) > 1 for values in found.values())

    return test


def _exact(made: Made) -> bool:
    reference = any(sampler["method"] == "exact" for sampler in made.samplers.values())
    modes = bool(made.exact) and bool({"tv", "modes_shown"} & {*made.metrics})
    return modes or (reference and "sliced_wasserstein" in made.metrics)


def _answers(made: Made) -> bool:
    return any(made.samplers[key]["method"] == "exact" for key in made.exact)


def _beside_exact(metric: str) -> Test:
    """True of a metric of exact draws and of another sampler."""

    def test(made: Made) -> bool:
        methods = {sampler["method"] for sampler in made.samplers.values()}
        return metric in made.metrics and "exact" in methods and methods != {"exact"}

    return test


def _of_others(metric: str) -> Test:
    """True of a metric of a sampler that is not exact."""
    return lambda made: metric in made.metrics and any(s["method"] != "exact" for s in made.samplers.values())


def _two_priors(made: Made) -> bool:
    found = defaultdict(set)
    for (dataset, task, prior, sampler), about in made.samplers.items():
        if about["method"] != "exact":
            found[dataset, task, sampler].add(prior)
    return any(len(priors) > 1 for priors in found.values())


def _late(made: Made) -> bool:
    return any(Recipe.of(sampler).wrapper("flash") is not None for sampler in made.samplers.values())


def _fitted(made: Made) -> bool:
    """Return True if VIPaint and another method, both without wrappers, restore one task with one prior."""
    found = defaultdict(set)
    for (dataset, task, prior, _), about in made.samplers.items():
        if not Recipe.of(about).wrap:
            found[dataset, task, prior].add(about["method"])
    return any("vipaint" in methods and len(methods) > 1 for methods in found.values())


def _lengths(made: Made) -> bool:
    """Plain runs of VIPaint on one task that differ in the length of their fits alone."""
    found: dict[str, set[int]] = defaultdict(set)
    for key, about in made.samplers.items():
        if about["method"] == "vipaint" and not Recipe.of(about).wrap:
            rest = {name: value for name, value in about["settings"].items() if name != "iterations"}
            found[json.dumps([*key[:3], rest], sort_keys=True)].add(about["settings"]["iterations"])
    return any(len(values) > 1 for values in found.values())


def _saturating(made: Made) -> bool:
    alone = {key[1] for key, about in made.samplers.items() if about["method"] == "dps" and not Recipe.of(about).wrap}
    tasks = [made.tasks[name] for name in alone]
    return any((inpainting(task) or super_resolution(task)) and not noisy(task) for task in tasks)


def _compared(fits: Callable[[Mapping[str, Any]], bool]) -> Test:
    return lambda made: any(fits(one) for one in made.comparisons)


Need = tuple[Test, str]
_POOLED = f"a pool of at least {_POOL} samples"
_SUBSET_METRICS = {"diversity", "coverage", "modes_shown"}
NEEDS: Mapping[str, Need] = {
    "run": (_run, "a run"),
    "metrics": (_measured(), "metrics"),
    "ten_problems": (_measured(lambda task: problem(task) is not None),
                     "metrics of one of the ten inverse problems, like pool4"),
    "ecg": (_on(of_an_ecg), "a run on a task of ECGs, like ecg_from_i"),
    "leads": (_on(lambda task: "observed_leads" in task), "a run on a task with `observed_leads`"),
    "classes": (lambda made: bool(made.classified), "a run with a `classifier`"),
    "pool": (_pooled(), _POOLED),
    "pool_of_scenes": (_pooled(lambda task: inpainting(task) and not of_a_face(task)),
                       f"{_POOLED} of a task of operator inpaint that hides no part of a face"),
    "subsets": (_chosen(), "subsets"),
    "subset_metrics": (lambda made: _chosen()(made) and bool(_SUBSET_METRICS & {*made.metrics}),
                       "subsets, and one of the metrics diversity, coverage, modes_shown"),
    "partners": (_partners, "a sampler and its wrapped partner on one task"),
    "eta_sweep": (_swept("eta"), "one sampler with two strengths (eta) of guidance"),
    "reach_sweep": (_swept("reach"), "one sampler with two reaches (threshold or rms) of guidance"),
    "dps_noiseless": (_saturating, "DPS alone on a noiseless task of operator inpaint or sr"),
    "two_priors": (_two_priors, "one sampler under two priors on one task"),
    "late_start": (_late, "metrics of a sampler with a late start (flash)"),
    "fit": (_fitted, "metrics of VIPaint and of another sampler"),
    "closed_form": (lambda made: bool(made.exact), "a posterior in closed form"),
    "exact": (_exact, "tv, modes_shown or sliced_wasserstein, and a posterior in closed form"),
    "exact_draws": (_answers, "exact draws of a posterior in closed form"),
    "reference": (_beside_exact("sliced_wasserstein"), "sliced_wasserstein, exact draws and another sampler"),
    "exact_diversity": (_beside_exact("diversity"), "diversity, exact draws and another sampler"),
    "lpips": (_of_others("lpips"), "lpips of a sampler that is not exact"),
    "fit_lengths": (_lengths, "VIPaint with two numbers of iterations"),
    "problems": (lambda made: 1 in made.toys.values(), "closed-form problems with `samplers`"),
    "problem_sweeps": (lambda made: any(n > 1 for n in made.toys.values()), "closed-form problems with `sweeps`"),
    "study": (_compared(lambda one: True), "a study"),  # noqa: ARG005 - of any kind
    "study_of_subsets": (_compared(lambda one: one["approach"] != "guided"), "a study that compares subsets"),
    "study_of_guidance": (_compared(lambda one: one["approach"] == "guided"), "a study that compares `guided`"),
    "study_of_coverage": (_compared(lambda one: one["study"] == "coverage"), "a study of coverage"),
}  # fmt: skip
"""{need: (test of what an experiment makes, the need in words)}."""
