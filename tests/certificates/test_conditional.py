"""Exact posteriors written a second time: against the first writing, against weighting, against themselves."""

import math

import pytest
import torch

from posterity.certificates.axes import spectrum
from posterity.certificates.cases import LATENT, PRIORS, make, tasks
from posterity.certificates.conditional import Components, Conditional, Exact
from posterity.certificates.statistics.modes import merged
from posterity.diffusion.noise import generator

TWO = Components(
    torch.tensor([0.3, 0.7]).double(),
    torch.tensor([[1.0, 0.0, -0.5], [-1.0, 0.5, 0.5]]).double(),
    torch.stack([torch.diag(torch.tensor([0.5, 0.2, 0.4])), torch.tensor([[0.6, 0.2, 0], [0.2, 0.3, 0], [0, 0, 0.2]])])
    .double(),
)  # fmt: skip
A = torch.tensor([[1.0, -0.5, 0.3]]).double()


@pytest.mark.parametrize(("prior", "task"), [(p, t) for p in PRIORS if p not in LATENT for t in tasks(p)])
def test_the_priors_own_posterior_is_the_same(prior, task):
    """Two implementations, written apart: means, mode weights and total variances by draws."""
    case = make(prior, task, 3)
    instance = case.wide
    own = instance.prior.posterior(instance.operator, instance.y, instance.sigma_y)
    assert torch.allclose(own.mean.flatten(1), instance.exact.mean, atol=1e-9)
    assert torch.allclose(own.mode_probabilities, instance.exact.weights, atol=1e-9)
    assert isinstance(instance.exact, Exact)


def test_moments_are_those_of_weighted_prior_draws():
    """Self-normalised importance sampling from the prior, which knows nothing of the formulas."""
    y, sigma = torch.tensor([[0.4]]).double(), 0.5
    exact, x = Conditional(TWO, A, y, sigma), TWO.draw(400_000, "importance")
    log = -((y - x @ A.T) ** 2)[:, 0] / (2 * sigma**2)
    w = (log - log.logsumexp(0)).exp()
    mean = w @ x
    assert torch.allclose(exact.mean[0], mean, atol=0.01)
    off = x - mean
    assert torch.allclose(exact.covariances[0], torch.einsum("n,nd,ne->de", w, off, off), atol=0.01)
    assert exact.total_variance[0] == pytest.approx(float(exact.covariances[0].trace()))
    nearest = (x - TWO.means[0]).square().sum(1)  # of the first component, where it dominates
    assert exact.weights.sum() == pytest.approx(1) and nearest.shape == w.shape


def test_draws_have_the_exact_moments_and_weights():
    exact = Conditional(TWO, A, torch.tensor([[0.4], [-1.0]]).double(), 0.5)
    x = exact.draw(40_000, "draws")
    assert torch.allclose(x.mean(1), exact.mean, atol=0.02)
    for r in range(2):
        assert torch.allclose(torch.cov(x[r].T), exact.covariances[r], atol=0.02)
    assert torch.allclose(exact.responsibilities(x).mean(1), exact.weights, atol=0.01)
    assert not torch.equal(x, exact.draw(40_000, "others"))


def test_the_density_is_that_of_the_draws():
    """In one dimension the integral over a fine grid is 1, and quantiles of draws are those of the density."""
    prior = Components(torch.tensor([0.4, 0.6]).double(), torch.tensor([[-1.0], [1.0]]).double(),
                       torch.tensor([[[0.3]], [[0.1]]]).double())  # fmt: skip
    exact = Conditional(prior, torch.ones(1, 1).double(), torch.tensor([[0.1]]).double(), 0.7)
    grid = torch.linspace(-5, 5, 20_001, dtype=torch.float64)
    density = exact.log_density(grid[None, :, None])[0].exp()
    cdf = density.cumsum(0) * float(grid[1] - grid[0])
    assert cdf[-1] == pytest.approx(1, abs=1e-6)
    x = exact.draw(50_000, "quantiles").flatten()
    for q in (0.1, 0.5, 0.9):
        assert float((x < grid[(cdf < q).sum()]).double().mean()) == pytest.approx(q, abs=0.01)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_exact_draws_are_standard_normal_within_their_modes(sigma):
    exact = Conditional(TWO, A, torch.tensor([[0.4]]).double(), sigma)
    z = exact.standardised(exact.draw(40_000, "standard"), "assign")[0]
    assert z.shape[1] == exact.rank == (2 if sigma == 0 else 3)
    assert torch.allclose(torch.cov(z.T), torch.eye(exact.rank).double(), atol=0.03)
    assert z.mean(0).abs().max() < 0.03


def test_squared_distances_are_the_same_for_shared_covariances():
    shared = Components(TWO.weights, TWO.means, TWO.covariances[:1])
    each = Components(TWO.weights, TWO.means, TWO.covariances[:1].expand(2, -1, -1))
    x = torch.from_numpy(generator("x").standard_normal((5, 3)))
    assert torch.allclose(shared.squares(x), each.squares(x))
    y = torch.tensor([[0.4]]).double()
    one, two = (Conditional(prior, A, y, 0.5) for prior in (shared, each))
    assert torch.allclose(one.squares(x[None]), two.squares(x[None]))
    off = x[0] - shared.means[1]
    assert float(shared.squares(x)[0, 1]) == pytest.approx(float(off @ torch.linalg.solve(shared.covariances[0], off)))


@pytest.mark.parametrize("copies", [1, 3])
def test_modes_that_overlap_are_one(copies):
    """Two means 0.5 deviations apart have a Bhattacharyya coefficient of 0.97, two that are 3 apart 0.32."""
    means = torch.tensor([[0.0, 0.0], [0.5, 0.0], [3.5, 0.0]]).double()
    prior = Components(torch.ones(3).double() / 3, means, torch.eye(2).double()[None].expand(copies, -1, -1))
    exact = Conditional(prior, torch.zeros(1, 2).double(), torch.zeros(1, 1).double(), 1.0)
    assert merged(exact).tolist() == [0, 0, 1]
    assert math.exp(-(0.5**2) / 8) > 0.9 > math.exp(-(3**2) / 8)


def test_the_spectrum_of_a_diagonal_matrix_needs_no_decomposition():
    matrices = torch.diag_embed(torch.tensor([[3.0, 1.0, 2.0], [0.5, 0.0, 0.2]], dtype=torch.float64))
    values, vectors = spectrum(matrices)
    assert torch.equal(values, torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.2, 0.5]], dtype=torch.float64))
    assert torch.equal((vectors * values[:, None]) @ vectors.mT, matrices)
