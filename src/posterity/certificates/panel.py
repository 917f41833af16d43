"""The panel: one sampler, one case, every statistic, and a verdict."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from posterity import capabilities
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
        findings: findings of all statistics.
        verdicts: one for each finding.
        verdict: the worst of them, "not a posterior sampler", "diverged" or "n/a".
        forwards, backwards: network evaluations and gradients of one restoration.
        seconds: time for all draws together.
        peak_bytes: highest memory of the process so far, or of the GPU.
        rows: number of restorations drawn.
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
    """Make the case of the tier's size; options as in :func:`posterity.certificates.cases.make`."""
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
    """Draw from ``sampler`` and examine it.

    The verdict is "n/a", with the reason, if the sampler cannot do the task; "diverged", with their share, if
    some draws are not finite or far away; "not a posterior sampler", with the reason, if the sampler ignores y,
    hardly spreads or is no closer to y than draws of the prior.

    Arguments:
        name: name in the certificate.
        sampler: the sampler with its settings.
        case: the problem.
        tier: key of ``TIERS``.
        seed: seed of all noise.
        expected: stored bands by ``Finding.key``.
        known: statistics that are not held against a published method (:func:`posterity.certificates.remarks.known`).

    Raises:
        PosterityError: if there is no such tier.
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
    """Return the findings, with errors that the sliced distance hardly detects added to its note."""
    hidden = remarks.hidden(findings)
    return tuple(
        replace(f, note=f"{f.note}; {hidden}") if hidden and f.key == "sliced_wasserstein" else f for f in findings
    )


def _diverged(evidence: Evidence) -> Finding:
    """Return the share of draws that are not finite or far away; other statistics see draws of the prior instead."""
    return Finding("diverged", "", evidence.diverged, 0.0, 0.0, 0.0, note="share of draws, replaced by the prior's")


def missing(sampler: Sampler, instance: Instance) -> str:
    """Return the capabilities that the sampler needs and this case lacks, or ""."""
    of_prior = {"posterior", "latent"} if instance.prior.latent else {"posterior"}
    there = capabilities.capabilities(of_prior, instance.operator.has, instance.sigma_y)
    lacking = capabilities.missing(sampler.needs, there)
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
    """Return the peak memory of the GPU if one was used, else of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return cost.peak_bytes or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
