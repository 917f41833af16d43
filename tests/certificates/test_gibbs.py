"""Lévy processes as cases: their exact side, and what the panel says of exact draws and of others."""

import pytest
import torch

from posterity import samplers
from posterity.certificates import cases, panel, tiers
from posterity.certificates.broken import FAULTS
from posterity.certificates.gibbs import LAWS, Chains, prior
from posterity.errors import PosterityError

pytestmark = pytest.mark.slow


def test_draws_have_the_moments_that_chains_give():
    process = prior("laplace")
    y = process.draw(3, "test").flatten(1)[:, ::2]
    matrix = torch.eye(16, dtype=torch.float64)[::2]
    exact = Chains(process, matrix, y, 0.05)
    drawn = exact.draw(400, "a")
    assert torch.equal(drawn, exact.draw(400, "a")) and not torch.equal(drawn, exact.draw(400, "b"))
    spread = exact.covariances.diagonal(dim1=1, dim2=2)
    assert ((drawn.mean(1) - exact.mean).abs() < 5 * (spread / 100).sqrt()).all()
    assert (drawn.var(1).sum(1) / exact.total_variance - 1).abs().max() < 0.3


@pytest.mark.parametrize("name", LAWS)
def test_exact_draws_raise_no_alarm(name):
    case = panel.case(name, "denoise", "quick")
    assert len(case.wide) == 24
    found = panel.certify("exact", samplers.find("exact")(), case, "quick")
    assert found.verdict in ("exact", "open") and "approximate" not in found.verdicts
    assert {f.statistic for f in found.findings if f.value is None} >= {"modes", "hallucination"}


def test_draws_of_the_prior_are_caught():
    case = panel.case("laplace", "impute", "quick")
    found = panel.certify("", FAULTS["returns the prior"].sampler, case, "quick")
    each = {f.statistic for f, v in zip(found.findings, found.verdicts, strict=True) if v == "approximate"}
    assert {"residual", "calibration", "sliced_wasserstein"} <= each


def test_tasks_of_signals_and_of_images():
    assert cases.tasks("laplace") == ("denoise", "deconvolve", "impute", "fourier")
    assert "pool_noisy" in cases.tasks("kernel") and cases.tasks("bernoulli_laplace") == ("denoise", "impute")
    with pytest.raises(PosterityError, match="choose one of denoise, deconvolve, impute, fourier"):
        cases.make("laplace", "pool_noisy", 2)
    with pytest.raises(PosterityError, match="prior 'cauchy' is not one"):
        cases.make("cauchy", "denoise", 2)
    assert tiers.size("quick", "student").depth < tiers.size("quick", "kernel").depth
