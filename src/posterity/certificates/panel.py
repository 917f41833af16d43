"""The panel: one sampler, one case, every statistic, and a verdict."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from posterity.certificates import cases, remarks, statistics
from posterity.certificates.cases import Case, Instance
from posterity.certificates.evidence import Evidence, draw
from posterity.certificates.finding import Band, Finding, overall, verdicts
from posterity.certificates.tiers import TIERS, Tier, size
from posterity.errors import PosterityError
from posterity.priors.base import NoClosedForm
from posterity.samplers.base import Cost, Sampler

__all__ = ["TIERS", "Certificate", "Tier", "case", "certify", "missing"]


@dataclass(frozen=True)
class Certificate:
    """The findings about one sampler on one case.

    Arguments:
        sampler, prior, task, tier, seed: what was run.
        findings: of all statistics.
        verdicts: one for each finding.
        verdict: the worst of them, "not a posterior sampler", "diverged" or "n/a".
        forwards, backwards: network evaluations and gradients of one restoration.
        seconds: that the draws took, all rows together.
        peak_bytes: highest memory of the process so far, or of the GPU.
        rows: restorations drawn.
        reason: why there are no findings, what diverged, or why this is no posterior sampler.
    """

    sampler: str
    prior: str
    task: str
    tier: str
    seed: int
    findings: tuple[Finding, ...]
    verdicts: tuple[str, ...]
    verdict: str
    forwards: int
    backwards: int
    seconds: float
    peak_bytes: int
    rows: int
    reason: str = ""


def case(prior: str, task: str, tier: str, **options: Any) -> Case:
    """The case of the tier's size; options as in :func:`posterity.certificates.cases.make`."""
    spent = size(tier, prior)
    replicates = spent.replicates if options.get("dim") is None else spent.instances
    return cases.make(prior, task, replicates, **options)


def certify(
    name: str,
    sampler: Sampler,
    case: Case,
    tier: str,
    *,
    seed: int = 0,
    expected: Mapping[str, Band] | None = None,
    known: Collection[str] = (),
) -> Certificate:
    """Draws from ``sampler`` and examines it.

    A sampler that cannot do the task gets the verdict "n/a" and the reason; one of whose draws some are
    not finite or far away, "diverged" and their share; one that does not read y, does not spread or does not
    answer to y, "not a posterior sampler" and which of it.

    Arguments:
        name: for people.
        sampler: with its settings.
        case: the problem.
        tier: key of ``TIERS``.
        seed: of all noise.
        expected: stored bands by ``Finding.key``.
        known: what is not held against a published method (:func:`posterity.certificates.remarks.known`).

    Raises:
        PosterityError: when there is no such tier.
    """
    if tier not in TIERS:
        raise PosterityError(f"tier {tier!r} is not one that verify knows; choose one of {', '.join(TIERS)}")
    about = (name, case.prior_name, case.task_name, tier, seed)
    reason = missing(sampler, case.instances[0])
    spent, began = size(tier, case.prior_name), time.perf_counter()
    try:
        evidence, cost = (None, Cost()) if reason else _gather(sampler, case, spent, seed)
    except (PosterityError, NoClosedForm, NotImplementedError) as refusal:
        evidence, cost, reason = None, Cost(), str(refusal)
    if evidence is None:
        return Certificate(*about, (), (), "n/a", 0, 0, 0.0, 0, 0, reason)
    seconds = time.perf_counter() - began
    wanted = [name for name in statistics.names() if name not in evidence.tier.without]
    findings = _remarked(_diverged(evidence), *(f for name in wanted for f in statistics.find(name)(evidence)))
    each = tuple(verdicts(findings, expected))
    verdict, why = overall(each), remarks.nonsense(findings, known)
    if why:
        verdict, reason = remarks.NONSENSE, why
    if evidence.diverged > 0:
        verdict, reason = "diverged", f"{evidence.diverged:.2%} of the draws are not finite or 1000 sd away"
    rows = cost.restorations
    return Certificate(
        *about, findings, each, verdict, cost.forwards, cost.backwards, seconds, _peak(cost), rows, reason
    )  # fmt: skip


def _remarked(*findings: Finding) -> tuple[Finding, ...]:
    """Return the findings; the sliced distance has in its note what it hardly sees."""
    hidden = remarks.hidden(findings)
    return tuple(
        replace(f, note=f"{f.note}; {hidden}") if hidden and f.key == "sliced_wasserstein" else f for f in findings
    )


def _diverged(evidence: Evidence) -> Finding:
    """Share of draws that are no numbers or far away; the others' statistics have the prior's draws in their place."""
    return Finding("diverged", "", evidence.diverged, 0.0, 0.0, 0.0, note="share of draws, replaced by the prior's")


def missing(sampler: Sampler, instance: Instance) -> str:
    """Return what the sampler needs that the case has not, or ""."""
    has = instance.operator.has | {"noise" if instance.sigma_y > 0 else "noiseless", "posterior"}
    if instance.prior.latent:
        has |= {"latent"}
    lacking = sorted(sampler.needs - has)
    return f"needs {', '.join({'latent': 'a latent prior'}.get(need, need) for need in lacking)}" if lacking else ""


def _gather(sampler: Sampler, case: Case, tier: Tier, seed: int) -> tuple[Evidence, Cost]:
    total, pools = Cost(), []
    for number, instance in enumerate(case.instances):
        count = tier.draws if instance is case.wide else tier.depth
        found, cost = draw(sampler, instance, count, seed, (number,))
        total.add(cost)
        pools.append(found)
    wide = pools.pop(0) if case.wide is not None else None
    return Evidence(sampler, case, tier, seed, wide, tuple(pools)), total


def _peak(cost: Cost) -> int:
    """Return the peak memory of the GPU where there was one, else of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return cost.peak_bytes or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
