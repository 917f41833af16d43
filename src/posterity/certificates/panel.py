"""The panel: one sampler, one case, every statistic, and a verdict."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posterity.certificates import cases, statistics
from posterity.certificates.broken import FAULTS, Fault
from posterity.certificates.cases import Case, Instance
from posterity.certificates.evidence import Evidence, draw
from posterity.certificates.finding import Band, Finding, overall, verdicts
from posterity.errors import PosterityError
from posterity.priors.base import NoClosedForm
from posterity.samplers.base import Cost, Guidance, Sampler
from posterity.samplers.exact import Exact

__all__ = ["TIERS", "Certificate", "Gate", "Tier", "bands", "case", "certify", "gates"]


@dataclass(frozen=True)
class Tier:
    """How much is spent on a certificate.

    Arguments:
        replicates: R measurements.
        draws: S of each; S + 1 is divisible by the bins of the rank statistics.
        depth: draws of each measurement that is looked at in depth.
        instances: of a toy problem.
        without: statistics that are left out.
        settings: by method, what a sampler gets instead of its defaults, to be affordable.
    """

    replicates: int
    draws: int
    depth: int
    instances: int
    without: frozenset[str] = frozenset()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_QUICK: dict[str, dict[str, Any]] = {
    "dps": {"steps": 100},
    "repaint": {"steps": 50, "jump_repeat": 2},
    "replacement": {"steps": 100},
    "ilvr": {"steps": 100},
    "copaint": {"steps": 25},
    "copaint_tt": {"steps": 25, "jump_length": 5},
    "reddiff": {"steps": 100},
    "reddiff_v": {"steps": 100},
    "mgps": {"steps": 25},
}

TIERS: dict[str, Tier] = {
    "quick": Tier(64, 63, 1000, 4, frozenset({"c2st"}), _QUICK),
    "standard": Tier(200, 127, 2000, 20),
    "full": Tier(500, 999, 10_000, 20),
}
"""``quick``: all samplers on the Gaussian, mixture and kernel priors in less than a minute of two cores, with
fewer steps than by default for the slow ones; ``standard``: in about ten; ``full``: as published, for a GPU."""


@dataclass(frozen=True)
class Certificate:
    """What is known of one sampler on one case.

    Arguments:
        sampler, prior, task, tier, seed: what was run.
        findings: of all statistics.
        verdicts: one for each finding.
        verdict: the worst of them, "diverged" or "n/a".
        forwards, backwards, seconds: of the run that the draws are from, all rows together.
        peak_bytes: highest memory of the process so far, or of the GPU.
        rows: restorations drawn.
        reason: why there are no findings, or what diverged.
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
    size = TIERS[tier]
    replicates = size.replicates if options.get("dim") is None else size.instances
    return cases.make(prior, task, replicates, **options)


def certify(
    name: str,
    sampler: Sampler,
    case: Case,
    tier: str,
    *,
    seed: int = 0,
    expected: Mapping[str, Band] | None = None,
    guidance: Guidance | None = None,
) -> Certificate:
    """Draws from ``sampler`` and examines it.

    A sampler that cannot do the task gets the verdict "n/a" and the reason; one of whose draws some are
    not finite or far away, "diverged" and their share.

    Arguments:
        name: for people.
        sampler: with its settings.
        case: the problem.
        tier: key of ``TIERS``.
        seed: of all noise.
        expected: stored bands by ``Finding.key``.
        guidance: diversity guidance to run it with.

    Raises:
        PosterityError: when there is no such tier.
    """
    if tier not in TIERS:
        raise PosterityError(f"tier {tier!r} is not one that verify knows; choose one of {', '.join(TIERS)}")
    known = (name, case.prior_name, case.task_name, tier, seed)
    reason = _missing(sampler, case.instances[0])
    began = time.perf_counter()
    try:
        evidence, costs = (None, []) if reason else _gather(sampler, case, TIERS[tier], seed, guidance)
    except (PosterityError, NoClosedForm, NotImplementedError) as refusal:
        evidence, costs, reason = None, [], str(refusal)
    if evidence is None:
        return Certificate(*known, (), (), "n/a", 0, 0, 0.0, 0, 0, reason)
    seconds = time.perf_counter() - began
    findings = tuple(
        f for s in statistics.names() if s not in evidence.tier.without for f in statistics.find(s)(evidence)
    )
    each = tuple(verdicts(findings, expected))
    verdict = overall(each)
    if evidence.diverged > 0:
        verdict, reason = "diverged", f"{evidence.diverged:.2%} of the draws are not finite or 1000 sd away"
    forwards, backwards = sum(c.forwards for c in costs), sum(c.backwards for c in costs)
    rows = sum(p.diverged.numel() for p in evidence.pools)
    return Certificate(
        *known, findings, each, verdict, forwards, backwards, seconds, _peak(costs), rows, reason
    )  # fmt: skip


@dataclass(frozen=True)
class Gate:
    """One instrument before one sampler of known fault, or none.

    Arguments:
        statistic, sampler, prior: which.
        power: share of seeds in which the statistic spoke up; for sound samplers that is a false alarm.
        caught: whether it did in most.
        claimed: whether it is admitted on the promise to detect this fault.
    """

    statistic: str
    sampler: str
    prior: str
    power: float
    caught: bool
    claimed: bool


def gates(
    seed: int = 0,
    tier: str = "quick",
    seeds: int = 5,
    task: str = "inpaint_noisy",
    faults: Collection[str] = tuple(FAULTS),
    priors: Sequence[str] = ("gaussian", "mixture"),
) -> list[Gate]:
    """Every statistic before the exact sampler and before every sampler of :mod:`posterity.certificates.broken`.

    A statistic speaks up when one of its findings is outside its margin; before a broken form of a
    published sampler, when one of them leaves the band of the sound form.
    """
    chosen = {"exact": Fault(Exact(), ()), **{name: FAULTS[name] for name in faults}}
    problems = {prior: case(prior, task, tier) for prior in priors}
    out = []
    for name, fault in chosen.items():
        for prior, problem in problems.items():
            expected = (
                None if fault.sound is None else bands(fault.sound, problem, tier, seed=seed, seeds=max(seeds, 3))
            )
            alarms = [_alarms(fault.sampler, problem, tier, seed + i, expected) for i in range(seeds)]
            for statistic in sorted(set(alarms[0])):
                power = sum(alarm[statistic] for alarm in alarms) / seeds
                claimed = statistic in fault.claims and prior == fault.prior
                out.append(Gate(statistic, name, prior, power, power > 0.5, claimed))
    return out


def bands(sound: Sampler, problem: Case, tier: str, *, seed: int = 0, seeds: int = 20) -> dict[str, Band]:
    """Where the deciding statistics of a sampler lie over several seeds, by ``Finding.key``."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for i in range(seeds):
        for f in certify("", sound, problem, tier, seed=seed + i).findings:
            if f.decides and f.value is not None:
                seen.setdefault(f.key, []).append((f.value, f.error or 0.0))
    return {key: Band.of(*zip(*pairs, strict=True)) for key, pairs in seen.items()}


def _alarms(
    sampler: Sampler, problem: Case, tier: str, seed: int, expected: Mapping[str, Band] | None
) -> dict[str, bool]:
    """Whether each statistic that applies has a finding outside its margin, or outside its band."""
    certificate, out = certify("", sampler, problem, tier, seed=seed, expected=expected), dict[str, bool]()
    loud = {"approximate"} if expected is None else {"regressed", "improved"}
    for finding, verdict in zip(certificate.findings, certificate.verdicts, strict=True):
        if finding.value is not None and finding.decides:
            out[finding.statistic] = out.get(finding.statistic, False) or verdict in loud
    return out


def _missing(sampler: Sampler, instance: Instance) -> str:
    """What the sampler needs that the case has not."""
    noise = "noise" if instance.sigma_y > 0 else "noiseless"
    lacking = sorted(sampler.needs - instance.operator.has - {noise, "posterior"})
    return f"needs {', '.join(lacking)}" if lacking else ""


def _gather(
    sampler: Sampler, case: Case, tier: Tier, seed: int, guidance: Guidance | None
) -> tuple[Evidence, list[Cost]]:
    costs, pools = [], []
    for number, instance in enumerate(case.instances):
        count = tier.draws if instance is case.wide else tier.depth
        found, cost = draw(sampler, instance, count, seed, (number,), guidance)
        costs.append(cost)
        pools.append(found)
    wide = pools.pop(0) if case.wide is not None else None
    return Evidence(sampler, case, tier, seed, wide, tuple(pools), guidance), costs


def _peak(costs: list[Cost]) -> int:
    """Of the GPU where there was one, else of this process."""
    on_device = max((c.peak_bytes for c in costs), default=0)
    unit = 1 if sys.platform == "darwin" else 1024
    return on_device or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
