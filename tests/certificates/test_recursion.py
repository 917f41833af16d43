"""The moment recursion: against simulated chains, exact where nothing is approximated, and its four shapes."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from posterity.certificates import toys
from posterity.certificates.probing import Moments
from posterity.certificates.recursion import Recursion, posterior, proportional, wasserstein
from posterity.diffusion.bridge import Bridge


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


VARIANTS = list(product(("ddpm", "exact"), ("dps", "exact")))


def recursion(toy, **settings):
    return Recursion(toy.prior, toy.matrix, toy.y[0], toy.sigma_y, **settings)


def exact(toy):
    return posterior(toy.prior, toy.matrix, toy.y[0], toy.sigma_y)


def simulated(toy, steps, eta, backward, potential, count):
    """Chains with the exact surrogate transition, each midpoint by Matheron's rule: no formula of the recursion."""
    rng = torch.Generator().manual_seed(0)
    prior, matrix, schedule = toy.prior, toy.matrix, toy.prior.schedule
    d, m = matrix.shape[1], len(matrix)
    precision, eye = torch.linalg.inv(prior.covariance), torch.eye(d).double()
    normal = lambda size: torch.randn(count, size, generator=rng, dtype=torch.float64)  # noqa: E731
    at = lambda level: schedule.level(level - 1)  # noqa: E731
    a = lambda level: at(level).alpha_bar  # noqa: E731
    bridge = lambda *levels: Bridge.between(*map(at, levels))  # noqa: E731

    def uncertainty(level):
        return torch.linalg.inv(precision + a(level) / (1 - a(level)) * eye)

    def denoise(x, level):
        return denoised(prior, x.view(-1, 1, 1, d), level - 1).flatten(1)

    grid = np.linspace(0, 999, steps).astype(int).tolist()
    x = normal(d)
    for i in range(steps - 1, 1, -1):
        u, k = grid[i], grid[i - 1]
        mid = proportional(eta)(k)
        step = bridge(0, mid, u)
        q = step.variance * eye + (step.clean**2 * uncertainty(u) if backward == "exact" else 0)
        r = toy.sigma_y**2 * torch.eye(m) + (matrix @ uncertainty(mid) @ matrix.T if potential == "exact" else 0)
        drawn = step.noisy * x + step.clean * denoise(x, u) + normal(d) @ torch.linalg.cholesky(q).T
        seen = matrix @ uncertainty(mid) * math.sqrt(a(mid)) / (1 - a(mid))
        predicted = denoise(drawn, mid) @ matrix.T + normal(m) @ torch.linalg.cholesky(r.double()).T
        kalman = q @ seen.T @ torch.linalg.inv(seen @ q @ seen.T + r)
        middle = drawn + (toy.y - predicted) @ kalman.T
        last = bridge(mid, k, u)
        x = last.noisy * x + last.clean * middle + math.sqrt(last.variance) * normal(d)
    return denoise(x, grid[1])


@pytest.mark.parametrize(("backward", "potential"), VARIANTS)
def test_moments_are_those_of_simulated_chains(backward, potential):
    """Means within 5 standard errors, covariances within 3 %."""
    toy = toys.gaussian(4, 1, measured=2, sigma_y=0.5)
    found = recursion(toy, steps=12, backward=backward, potential=potential).moments(proportional(0.5))
    x = simulated(toy, 12, 0.5, backward, potential, 100_000)
    assert ((x.mean(0) - found.mean).abs() < 5 * (found.covariance.diagonal() / len(x)).sqrt()).all()
    assert (torch.cov(x.T) - found.covariance).norm() < 0.03 * found.covariance.norm()


def test_the_posterior_is_the_priors_own():
    toy = toys.gaussian(6, 0)
    own = toy.prior.posterior(toy.operator, toy.y, toy.sigma_y)
    torch.testing.assert_close(exact(toy).mean, own.mean.flatten())
    precision = torch.linalg.inv(toy.prior.covariance) + toy.matrix.T @ toy.matrix / toy.sigma_y**2
    torch.testing.assert_close(exact(toy).covariance, torch.linalg.inv(precision))


def test_the_denoisers_jacobian_is_its_gain():
    toy = toys.gaussian(5, 0)
    for t in (0, 300, 999):
        x = torch.randn(1, 1, 1, 5, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(lambda v, t=t: denoised(toy.prior, v, t).flatten(), x)
        torch.testing.assert_close(jacobian.flatten(1), toy.prior.gain(toy.prior.schedule.level(t)))


@pytest.fixture(scope="module")
def curves():
    """Mean W2 over 2 instances in 12 dimensions, {variant: [η = 0.05, 0.25, 0.5, 0.75, 1]}."""
    instances = [toys.gaussian(12, i) for i in range(2)]
    etas = (0.05, 0.25, 0.5, 0.75, 1.0)
    out = {}
    for backward, potential in VARIANTS:
        kind = {"steps": 60, "backward": backward, "potential": potential}
        found = [[recursion(t, **kind).moments(proportional(e)) for e in etas] for t in instances]
        distances = [[wasserstein(m, exact(t)) for m in row] for t, row in zip(instances, found, strict=True)]
        out[backward, potential] = np.mean(distances, axis=0)
    return out


def test_each_approximation_has_its_shape(curves):
    """Spec of closed-form priors, A.5: what is exact draws the midpoint to where the other hurts least."""
    both, late, early, none = (curves[v] for v in VARIANTS)
    assert both.argmin() in (2, 3) and both[0] > 2 * both.min() < 2 * both[-1]
    assert (np.diff(late) < 0).all()  # the potential is exact: the transition is best over short steps
    assert (np.diff(early) > 0).all()  # the transition is exact: the potential is best near level 0
    np.testing.assert_allclose(none, none[0], rtol=1e-4)
    assert none[0] < 0.25 * both.min()


def test_the_best_midpoint_lies_inside():
    """Spec of closed-form priors, A.4, on a fine grid: for every instance and for the mean."""
    etas = np.arange(2, 21) / 20
    instances = [toys.gaussian(10, i) for i in range(2)]
    each = np.array(
        [[wasserstein(recursion(t, steps=60).moments(proportional(e)), exact(t)) for e in etas] for t in instances]
    )
    for curve in (*each, each.mean(0)):
        assert 0.4 <= etas[curve.argmin()] <= 0.7
        assert curve.min() < 0.6 * min(curve[-1], curve[0])


def test_w2_between_gaussians():
    eye = torch.eye(2).double()
    one, other = Moments(torch.zeros(2).double(), eye), Moments(torch.tensor([3.0, 4.0]).double(), eye)
    assert wasserstein(one, other) == pytest.approx(5)
    assert wasserstein(one, Moments(one.mean, 4 * eye)) == pytest.approx(math.sqrt(2))
    turned = torch.tensor([[2.0, 0.0], [0.0, 0.0]]).double()
    assert wasserstein(Moments(one.mean, turned), Moments(one.mean, turned)) == pytest.approx(0, abs=1e-6)


def test_diagonal_fits_cost_little():
    """The best diagonal Gaussian has the exact mean and the inverse of the precision's diagonal as variances."""

    class Diagonal(Recursion):
        def _midpoint(self, mid, u):
            slope, offset, spread = super()._midpoint(mid, u)
            return slope, offset, torch.diag(1 / torch.linalg.inv(spread).diagonal())

    toy = toys.gaussian(12, 1)
    problem = (toy.prior, toy.matrix, toy.y[0], toy.sigma_y, 60)
    full, diagonal = (wasserstein(R(*problem).moments(proportional(0.6)), exact(toy)) for R in (Recursion, Diagonal))
    assert full < diagonal < 1.5 * full
