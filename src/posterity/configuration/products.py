"""Requirements of tables and figures: which experiments can have them, told before any job runs.

The tables and figures themselves raise the same when their inputs lack it; a test keeps the two equal.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from posterity.errors import PosterityError
from posterity.recipes import Recipe, partners
from posterity.tables.task_kinds import Task, inpainting, noisy, of_a_face, of_an_ecg, super_resolution

__all__ = ["Made", "lacking"]

_POOL = 20
"""Samples of the smallest pool whose distribution is looked at: :data:`posterity.tables.pools.LEAST`."""
_TEN = (
    "pool4", "pool16", "inpaint_centre_noisy", "inpaint_half_noisy", "deblur_gauss", "deblur_gauss_256",
    "deblur_gauss_svd_256", "deblur_motion", "deblur_motion_256", "jpeg2", "phase", "deblur_nonlinear",
    "deblur_spatial", "hdr",
)  # fmt: skip

Key = tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """What an experiment makes.

    Arguments:
        samplers: (dataset, task, prior, sampler) → the sampler as it is resolved for this run.
        tasks: name → definition.
        pools: how many samples of each; the most that any experiment asks for.
        subsets: the rules that choose out of each.
        exact: runs of tasks whose posterior the prior has in closed form.
        metrics: names.
        toys: names of jobs on closed-form problems, and how many settings each runs.
        comparisons: of its study.
    """

    samplers: Mapping[Key, Mapping[str, Any]]
    tasks: Mapping[str, Task]
    pools: Mapping[Key, int]
    subsets: Mapping[Key, Collection[str]]
    exact: Collection[Key]
    metrics: Collection[str]
    toys: Mapping[str, int]
    comparisons: Collection[Mapping[str, Any]] = ()

    def within(self, options: Mapping[str, Any]) -> Made:
        """Return what is left of it where options of a product restrict dataset, task, prior or sampler."""
        wanted = [options.get(name) for name in ("dataset", "task", "prior", "sampler")]
        allowed = [[one] if isinstance(one, str) else one for one in wanted]
        fits = [key for key in self.samplers if all(a is None or k in a for k, a in zip(key, allowed, strict=True))]
        return replace(
            self,
            samplers={key: self.samplers[key] for key in fits},
            subsets={key: self.subsets[key] for key in fits if key in self.subsets},
            exact=[key for key in self.exact if key in fits],
        )


def lacking(package: str, name: str, made: Made) -> str | None:
    """Return what a table or figure needs and the experiment does not make, in words; None when it makes it."""
    if name in _NEEDS[package]:
        test, words = _NEEDS[package][name]
        return None if test(made) else words
    product = import_module(f"posterity.{package}").find(name)  # takes the time that importing pandas takes
    return _declared(f"{package[:-1]} {name}", getattr(product, "NEEDS", ()), made)


def _declared(product: str, needs: Collection[str], made: Made) -> str | None:
    """Return the first of the ``NEEDS`` of a file that the experiment does not make, in words.

    Each is a key of :data:`_DECLARED`, and may name the operator of a task that has it: "metrics:sr".
    """
    for need in needs:
        what, _, operator = need.partition(":")
        if what not in _DECLARED:
            raise PosterityError(f"{product}: NEEDS has {what!r}, which is none of {', '.join(_DECLARED)}")
        test, words = _DECLARED[what]
        tasks = [name for name, task in made.tasks.items() if task["operator"] == operator]
        if not test(made.within({"task": tasks}) if operator else made):
            return f"{words} of a task of operator {operator}" if operator else words
    return None


def _run(made: Made) -> bool:
    return bool(made.samplers)


def _on(fits: Callable[[Task], bool]) -> Callable[[Made], bool]:
    return lambda made: any(fits(made.tasks[key[1]]) for key in made.samplers)


def _measured(fits: Callable[[Task], bool] | None = None, names: Collection[str] = ()) -> Callable[[Made], bool]:
    """True of metrics of a task that fits, or has one of the names."""

    def test(made: Made) -> bool:
        tasks = {key[1] for key in made.samplers}
        return bool(made.metrics) and any(name in names or (fits and fits(made.tasks[name])) for name in tasks)

    return test


def _pooled(fits: Callable[[Task], bool] = lambda task: True) -> Callable[[Made], bool]:
    return lambda made: any(made.pools[key] >= _POOL and fits(made.tasks[key[1]]) for key in made.samplers)


def _chosen(*rules: str) -> Callable[[Made], bool]:
    return lambda made: any(set(rules) <= set(found) and found for found in made.subsets.values())


def _partners(made: Made) -> bool:
    return bool(partners({key: Recipe.of(sampler) for key, sampler in made.samplers.items()}))


def _swept(vary: str) -> Callable[[Made], bool]:
    """True of one sampler with two values of guidance's strength (eta) or reach, and the other one fixed."""

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


def _priced(made: Made) -> bool:
    methods = {sampler["method"] for sampler in made.samplers.values()}
    return "sliced_wasserstein" in made.metrics and "exact" in methods and methods != {"exact"}


def _two_priors(made: Made) -> bool:
    found = defaultdict(set)
    for (dataset, task, prior, sampler), about in made.samplers.items():
        if about["method"] != "exact":
            found[dataset, task, sampler].add(prior)
    return any(len(priors) > 1 for priors in found.values())


def _late(made: Made) -> bool:
    return any(Recipe.of(sampler).wrapper("flash") is not None for sampler in made.samplers.values())


def _fitted(made: Made) -> bool:
    """VIPaint and another method, both without wrappers, restore one task with one prior."""
    found = defaultdict(set)
    for (dataset, task, prior, _), about in made.samplers.items():
        if not Recipe.of(about).wrap:
            found[dataset, task, prior].add(about["method"])
    return any("vipaint" in methods and len(methods) > 1 for methods in found.values())


def _saturating(made: Made) -> bool:
    alone = {key[1] for key, about in made.samplers.items() if about["method"] == "dps" and not Recipe.of(about).wrap}
    tasks = [made.tasks[name] for name in alone]
    return any((inpainting(task) or super_resolution(task)) and not noisy(task) for task in tasks)


def _compared(fits: Callable[[Mapping[str, Any]], bool]) -> Callable[[Made], bool]:
    return lambda made: any(fits(one) for one in made.comparisons)


def _always(made: Made) -> bool:  # noqa: ARG001 - the signature of those that need something
    return True


Need = tuple[Callable[[Made], bool], str]
_LARGE = f"a pool of at least {_POOL} samples"
_PAIR = "a sampler and its wrapped partner on one task"
_ETA = "one sampler with two strengths (eta) of guidance"
_REACH = "one sampler with two reaches (threshold or rms) of guidance"
_PLAIN: Need = (lambda made: 1 in made.toys.values(), "closed-form problems with `samplers`")
_SWEEP: Need = (lambda made: any(n > 1 for n in made.toys.values()), "closed-form problems with `sweeps`")
_COVERAGE: Need = (_compared(lambda one: one["study"] == "coverage"), "a study of coverage")
_DECLARED: Mapping[str, Need] = {
    "run": (_run, "a run"),
    "metrics": (_measured(lambda task: True), "metrics"),
    "pool": (_pooled(), _LARGE),
    "subsets": (_chosen(), "subsets"),
    "partners": (_partners, _PAIR),
    "exact": (_exact, "tv, modes_shown or sliced_wasserstein, and a posterior in closed form"),
    "problems": _PLAIN,
    "study": (_compared(lambda one: True), "a study"),
}
"""Requirements that a file may name in ``NEEDS``; more than one product has each of them."""
_NEEDS: Mapping[str, Mapping[str, Need]] = {
    "tables": {
        "answers": (lambda made: bool(made.exact), "a posterior in closed form"),
        "super_resolution": (_measured(super_resolution), "metrics of a task of operator sr"),
        "inpainting": (_measured(inpainting), "metrics of a task of operator inpaint"),
        "eta_sweep": (_swept("eta"), _ETA),
        "threshold_sweep": (_swept("reach"), _REACH),
        "subsets": (lambda made: _chosen()(made) and bool({"diversity", "coverage", "modes_shown"} & {*made.metrics}),
                    "subsets, and one of the metrics diversity, coverage, modes_shown"),
        "exact_posterior": (_exact, "tv, modes_shown or sliced_wasserstein, and a posterior in closed form"),
        "guidance": (lambda made: bool(made.metrics) and _partners(made), f"metrics of {_PAIR}"),
        "quality": (_measured(lambda task: True), "metrics of a run"),
        "restoration": (_measured(names=_TEN), "metrics of one of the ten inverse problems, like pool4"),
        "cost": (_run, "a run"),
        "kurtosis": (_pooled(), _LARGE),
        "flash": (lambda made: bool(made.metrics) and _late(made), "metrics of a sampler that begins late (flash)"),
        "vipaint": (lambda made: bool(made.metrics) and _fitted(made), "metrics of VIPaint and of another sampler"),
        "toy_distance": _PLAIN,
        "toy_sweeps": _SWEEP,
        "ecg_errors": (_on(of_an_ecg), "a run on a task of ECGs, like ecg_from_i"),
        "ecg_regression": (_on(lambda task: "observed_leads" in task), "a run on a task with `observed_leads`"),
    },
    "figures": {
        "answers": (_answers, "exact draws of a posterior in closed form"),
        "error_cost": (_priced, "sliced_wasserstein, exact draws and a sampler beside them"),
        "teaser": (_chosen("random", "fps"), "the subsets random and fps of one run"),
        "projection_histogram": (_pooled(), _LARGE),
        "kurtosis": (_pooled(), _LARGE),
        "plane_rules": (_always, ""),
        "subsets_gallery": (_chosen("random", "kmeans", "uniformization", "fps"),
                                  "the subsets random, kmeans, uniformization and fps of one run"),
        "study_subsets": (_compared(lambda one: one["approach"] != "guided"), "a study that compares subsets"),
        "guidance_gallery": (_partners, _PAIR),
        "study_guidance": (_compared(lambda one: one["approach"] == "guided"), "a study that compares `guided`"),
        "plane_fps": (_always, ""),
        "plane_uniformization": (_always, ""),
        "discard_super_resolution": (_pooled(super_resolution), f"{_LARGE} of a task of operator sr"),
        "discard_inpainting": (_pooled(inpainting), f"{_LARGE} of a task of operator inpaint"),
        "discard_natural": (_pooled(lambda task: inpainting(task) and not of_a_face(task)),
                            f"{_LARGE} of a task of operator inpaint that hides no part of a face"),
        "dps_artifacts": (_saturating, "DPS alone on a noiseless task of operator inpaint or sr"),
        "eta_gallery": (_swept("eta"), _ETA),
        "threshold_gallery": (_swept("reach"), _REACH),
        "diversity_coverage": _COVERAGE,
        "distance_similarity": _COVERAGE,
        "hierarchy": (_pooled(), _LARGE),
        "exact_distance": (_exact, "tv, modes_shown or sliced_wasserstein, and a posterior in closed form"),
        "restorations": (_run, "a run"),
        "priors": (_two_priors, "one sampler under two priors on one task"),
        "ecg_sheet": (_on(of_an_ecg), "a run on a task of ECGs, like ecg_from_i"),
        "toy_samplers": _PLAIN,
        "toy_sweeps": _SWEEP,
    },
}  # fmt: skip
"""{package: {name: (what an experiment must make, the same in words)}}, of products that say no ``NEEDS``."""
