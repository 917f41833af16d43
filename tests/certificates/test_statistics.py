"""Single statistics against closed forms, and published protocols that fail their own gate."""

import math

import pytest
import torch
from scipy import stats

from posterity.certificates.conditional import Components, Conditional
from posterity.certificates.probing import Moments
from posterity.certificates.statistics.calibration import distance_to, ranks
from posterity.certificates.statistics.hallucination import _clopper_pearson, _surprise
from posterity.certificates.statistics.moments import kl, wasserstein
from posterity.certificates.statistics.sliced_wasserstein import sliced
from posterity.diffusion.noise import generator

R, S, D = 400, 49, 8
A, SIGMA = torch.eye(D)[:4].double(), 0.5
PRIOR = Components(torch.ones(1).double(), torch.zeros(1, D).double(), torch.eye(D).double()[None])
TRUTHS = PRIOR.draw(R, "truths")
Y = TRUTHS @ A.T + SIGMA * torch.from_numpy(generator("y").standard_normal((R, 4)))
EXACT = Conditional(PRIOR, A, Y, SIGMA)


def uniform(u):
    """p of uniform ranks (R, 1)."""
    return stats.kstest(u.flatten().numpy(), "uniform").pvalue


def test_ranks_of_exact_draws_are_uniform_also_with_ties():
    x = EXACT.draw(S, "ranks")
    assert uniform(ranks(EXACT.log_density(x), EXACT.log_density(TRUTHS[:, None]), "a")) > 0.01
    tied = ranks((x[..., 0] > 0).double(), (TRUTHS[:, None, 0] > 0).double(), "b")
    assert uniform(tied) > 0.01 and len(tied.unique()) == R


def test_a_weighted_credible_region_calls_exact_draws_overconfident():
    """A published protocol weights draws by their density, which makes p of p²: 0.43 of 0.9 at d = 8."""
    x = EXACT.draw(S, "weighted")
    log, true = EXACT.log_density(x), EXACT.log_density(TRUTHS[:, None])
    equal = (log > true).double().mean(1)
    weighted = (log.softmax(1) * (log > true)).sum(1)
    assert float((equal < 0.9).double().mean()) == pytest.approx(45 / (S + 1) / 1, abs=0.05)
    assert float((weighted < 0.9).double().mean()) < 0.6


def test_tarp_with_a_reference_that_ignores_y_passes_a_sampler_that_ignores_it():
    scale = torch.ones(D).double()
    x = PRIOR.draw(R * S, "prior").view(R, S, D)
    blind = distance_to(PRIOR.draw(R, "references"), scale)
    assert uniform(ranks(blind(x), blind(TRUTHS[:, None]), "blind")) > 0.01
    informed = distance_to(Y @ torch.linalg.pinv(A).T, scale)
    assert uniform(ranks(informed(x), informed(TRUTHS[:, None]), "informed")) < 1e-10
    exact = EXACT.draw(S, "tarp")
    assert uniform(ranks(informed(exact), informed(TRUTHS[:, None]), "exact")) > 0.01


def test_sliced_wasserstein_of_a_shift():
    """E|⟨θ, δ⟩| = ‖δ‖ Γ(d/2)/(√π Γ((d+1)/2)) over unit directions θ, whatever the law that is shifted."""
    rng, delta = generator("sliced"), torch.full((D,), 0.3).double()
    directions = torch.from_numpy(rng.standard_normal((4000, D)))
    directions = directions / directions.norm(dim=1, keepdim=True)
    x = torch.from_numpy(rng.standard_normal((1, 50, D)))
    expected = delta.norm() * math.gamma(D / 2) / (math.sqrt(math.pi) * math.gamma((D + 1) / 2))
    assert sliced(x, x + delta, directions).item() == pytest.approx(float(expected), rel=0.03)
    assert sliced(x, torch.cat([x, x], dim=1), directions).item() == pytest.approx(0, abs=1e-12)


def test_sliced_wasserstein_of_unequal_numbers_is_scipys():
    x, z = (torch.from_numpy(generator("w1", n).standard_normal((1, n, 1))) for n in (10, 40))
    expected = stats.wasserstein_distance(x.flatten().numpy(), z.flatten().numpy())
    assert sliced(x, z, torch.ones(1, 1).double()).item() == pytest.approx(expected)


def test_distances_between_gaussians():
    exact = Moments(torch.zeros(2).double(), torch.diag(torch.tensor([1.0, 4.0])).double())
    other = Moments(torch.tensor([1.0, 0.0]).double(), torch.diag(torch.tensor([4.0, 4.0])).double())
    assert wasserstein(other, exact) == pytest.approx(math.sqrt((1 + 1) / 5))
    assert kl(other, exact) == pytest.approx((4 + 1 + 1 - 2 - math.log(4)) / 2)
    assert wasserstein(exact, exact) == pytest.approx(0, abs=1e-7) and kl(exact, exact) == pytest.approx(0)


def test_intervals_of_shares_are_scipys():
    for hits in (0, 3, 50):
        interval = stats.binomtest(hits, 50).proportion_ci(0.95, "exact")
        assert _clopper_pearson(hits, 50) == pytest.approx((interval.high - interval.low) / 2 / 1.96)
    assert _surprise(8, 50, 0.16, 0.05) == pytest.approx(stats.binomtest(8, 50, 0.07, "greater").pvalue)
    assert _surprise(40, 50, 0.80, 0.99) == pytest.approx(stats.binomtest(40, 50, 0.97, "less").pvalue)
    assert _surprise(3, 50, 0.06, 0.05) == 1.0
