"""Both gates of every statistic: exact draws pass it, and a sampler that errs as it claims to detect fails it."""

import pytest

from posterity import samplers
from posterity.certificates import panel, statistics
from posterity.certificates.broken import FAULTS
from posterity.certificates.gates import bands, gates
from posterity.samplers.exact import Exact


@pytest.fixture(scope="module")
def problems(small):
    """Cases by prior, kept with what statistics remember of exact draws."""
    return {prior: panel.case(prior, "inpaint_noisy", "small") for prior in ("gaussian", "mixture")}


def said(certificate):
    """{statistic: its verdicts}."""
    out = {}
    for finding, verdict in zip(certificate.findings, certificate.verdicts, strict=True):
        out.setdefault(finding.statistic, set()).add(verdict)
    return out


@pytest.mark.parametrize("prior", ["gaussian", "mixture", "kernel"])
def test_exact_draws_are_exact_by_every_statistic(prior):
    certificate = panel.certify("exact", Exact(), panel.case(prior, "inpaint_noisy", "quick"), "quick")
    assert certificate.verdict == "exact"
    assert set(certificate.verdicts) <= {"exact", "reported", "n/a"}
    assert set(said(certificate)) - {"diverged"} == set(statistics.names()) - panel.TIERS["quick"].without


@pytest.mark.parametrize("task", ["inpaint", "denoise", "pool_noisy"])
def test_exact_draws_raise_no_alarm_on_other_tasks(task):
    for prior in ("gaussian", "mixture"):
        certificate = panel.certify("exact", Exact(), panel.case(prior, task, "small"), "small", seed=1)
        assert {"approximate", "diverged"}.isdisjoint(certificate.verdicts)


def test_exact_draws_raise_no_alarm_over_seeds(problems):
    for seed in range(2, 12):
        certificate = panel.certify("exact", Exact(), problems["mixture"], "small", seed=seed)
        assert "approximate" not in certificate.verdicts


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.sound is None])
def test_a_fault_is_caught_by_name(problems, name):
    fault = FAULTS[name]
    verdicts = said(panel.certify(name, fault.sampler, problems[fault.prior], "small"))
    for statistic in set(fault.claims) - panel.TIERS["quick"].without:
        assert "approximate" in verdicts[statistic], statistic


def test_only_means_of_pools_tell_coupled_ones(problems):
    """Draws are right one by one; their means are too good, which the gap to the best estimate may notice too."""
    verdicts = said(panel.certify("", FAULTS["antithetic pool"].sampler, problems["gaussian"], "small"))
    loud = {s for s, found in verdicts.items() if "approximate" in found}
    assert "coupling" in loud and loud <= {"coupling", "mmse"}


@pytest.mark.parametrize("name", ["sd × 0.9", "mean shifted", "returns the prior", "residual over-fitted"])
def test_coupling_is_not_blamed_for_other_faults(problems, name):
    verdicts = said(panel.certify(name, FAULTS[name].sampler, problems["gaussian"], "small"))
    assert "approximate" not in verdicts["coupling"]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.sound is not None])
def test_a_mistake_of_public_code_is_caught_by_name(problems, name):
    """The sound method is only approximate itself: the broken one leaves its band, or fails where it passes."""
    fault = FAULTS[name]
    expected = bands(fault.sound, problems[fault.prior], "small", seeds=2)
    verdicts = said(panel.certify(name, fault.sampler, problems[fault.prior], "small", expected=expected))
    for statistic in fault.claims:
        assert "regressed" in verdicts[statistic], statistic


def test_every_statistic_is_claimed_for():
    """No statistic without a broken gate; that of the way, which decides nothing, has those of test_trajectory.py."""
    assert {s for fault in FAULTS.values() for s in fault.claims} == set(statistics.names()) - {"trajectory"}
    assert {"noise over √2", "dps, batch-wide norm", "pgdm, σ_y ignored", "weights skewed", "a mode dropped"} < set(
        FAULTS
    )


def test_a_table_of_gates():
    table = gates(seeds=1, tier="small", faults=["residual over-fitted"], priors=["mixture"])
    exact = [g for g in table if g.sampler == "exact"]
    assert exact and not any(g.caught or g.power for g in exact)
    (promised,) = [g for g in table if g.claimed]
    assert promised.statistic == "residual" and promised.caught and promised.power == 1.0
    assert samplers.find("exact") is Exact
