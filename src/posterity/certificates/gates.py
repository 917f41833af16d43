"""Tests of the statistics themselves: each is run on the exact sampler and on broken ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from posterity.certificates.broken import FAULTS, Fault
from posterity.certificates.cases import Case
from posterity.certificates.expectations import learn
from posterity.certificates.finding import Band
from posterity.certificates.panel import case, certify
from posterity.samplers.base import Sampler
from posterity.samplers.exact import Exact

__all__ = ["Gate", "bands", "gates"]


@dataclass(frozen=True)
class Gate:
    """The result of one statistic on one sampler with a known fault, or with none.

    Arguments:
        statistic, sampler, prior: names of the statistic, the sampler and the prior.
        power: share of seeds in which the statistic raised an alarm; for sound samplers, a false alarm.
        caught: True if it did in most seeds.
        claimed: True if the statistic was admitted because it claims to detect this fault.
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
    """Run every statistic on the exact sampler and on every sampler of :mod:`posterity.certificates.broken`.

    A statistic raises an alarm when one of its findings is outside its margin; for a broken form of a
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
    """Return the ranges of a sampler's deciding statistics over several seeds, by ``Finding.key``."""
    return dict(learn([certify("", sound, problem, tier, seed=seed + i) for i in range(seeds)]).bands)


def _alarms(
    sampler: Sampler, problem: Case, tier: str, seed: int, expected: Mapping[str, Band] | None
) -> dict[str, bool]:
    """Return, for each statistic that applies, True if it has a finding outside its margin, or outside its band."""
    certificate, out = certify("", sampler, problem, tier, seed=seed, expected=expected), dict[str, bool]()
    loud = {"approximate"} if expected is None else {"regressed", "improved"}
    for finding, verdict in zip(certificate.findings, certificate.verdicts, strict=True):
        if finding.value is not None and finding.decides:
            out[finding.statistic] = out.get(finding.statistic, False) or verdict in loud
    return out
