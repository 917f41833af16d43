"""The case of a decoder that is not affine: its quadrature, and what solvers make of an encoder that errs."""

import math
from dataclasses import replace

import pytest
import torch

from posterity.certificates import panel, warp
from posterity.certificates.cases import make, tasks
from posterity.certificates.conditional import Components, Conditional
from posterity.certificates.statistics.sliced_wasserstein import sliced
from posterity.diffusion.noise import Noise
from posterity.priors.latent import Latent
from posterity.samplers.base import Problem
from posterity.samplers.dps import DPS
from posterity.samplers.gml_dps import GMLDPS
from posterity.samplers.psld import PSLD


class Straight(warp.Warp):
    """The same decoder with the linear functions alone, through which a Gaussian's posterior is known."""

    affine = True

    def decode(self, z, /):
        return (0.5 * z.flatten(1) @ self.columns[:, :2].T).view(-1, 1, 4, 4)


@pytest.mark.parametrize("task", tasks("latent_warp"))
def test_the_grid_agrees_with_importance_sampling(task):
    """Draws of the prior with the likelihood as weights: another way to the same integrals, with known errors."""
    case = make("latent_warp", task, 4).wide
    assert case.dim == 2 and case.truths.shape == (4, 2) and len(case.exact) == 4
    mixture = case.prior.prior
    x = Components(mixture.weights, mixture.means, mixture.covariances).draw(50_000, "importance", task)
    weights = (-case.residuals(x.expand(4, -1, -1)) / 2 / case.sigma_y**2).double().softmax(1)
    size = 1 / weights.square().sum(1)
    off = (weights @ x - case.exact.mean).norm(dim=1)
    assert bool((off < 5 * (case.exact.total_variance / size).sqrt()).all()), (off, size)
    assert bool((off < 0.3 * case.exact.total_variance.sqrt()).all()), "which says something"


def test_the_grid_is_exact_where_the_posterior_is_known():
    """Through an affine decoder the mixture's own posterior, computed by QR, has these moments and this evidence."""
    bent = warp.prior()
    prior = Latent(bent.prior, Straight(1.0))
    operator = make("latent_warp", "inpaint_noisy", 1).wide.operator
    y = operator(prior.decode(torch.tensor([[0.9, 0.5], [-1.0, 0.2]], dtype=torch.float64).view(2, 2, 1, 1)))
    y = y + 0.1 * torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(0))
    grid, exact = warp.Grid(prior, operator, y, 0.1), bent.prior
    seen = operator.where_measured(y[:1]).flatten() > 0
    matrix = operator(prior.decode(torch.eye(2, dtype=torch.float64).view(2, 2, 1, 1))).flatten(1)[:, seen].T
    known = Conditional(Components(exact.weights, exact.means, exact.covariances), matrix, y.flatten(1)[:, seen], 0.1)
    torch.testing.assert_close(grid.mean, known.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(grid.covariances, known.covariances, rtol=0, atol=1.5 * grid.step**2 / 12)
    evidence = evidence_of(exact, matrix, y.flatten(1)[:, seen], 0.1)
    torch.testing.assert_close(grid.log_evidence, evidence, rtol=0, atol=1e-6)
    drawn = grid.draw(4000, "test")
    torch.testing.assert_close(drawn.mean(1), known.mean, rtol=0, atol=0.05)


def evidence_of(mixture, matrix, y, sigma_y):
    """ln p(y) by dense Gaussians."""
    covariance = matrix @ mixture.covariances[0] @ matrix.T + sigma_y**2 * torch.eye(len(matrix), dtype=torch.float64)
    logs = [
        w.log() + torch.distributions.MultivariateNormal(matrix @ m, covariance).log_prob(y)
        for w, m in zip(mixture.weights, mixture.means.flatten(1), strict=True)
    ]
    return torch.stack(logs).logsumexp(0)


def solved(sampler, shrunk, count=400):
    case = make("latent_warp", "inpaint_noisy", 1, seed=2).wide
    prior = warp.prior(shrunk)
    problem = Problem(prior, case.operator, case.y.expand(count, -1, -1, -1), 0.1, torch.zeros(count, dtype=torch.long))
    return sampler.sample(problem, Noise(0, ["a"] * count, range(count))).state.flatten(1), case


def test_an_encoder_that_undoes_decoding_gives_dps_and_one_that_errs_shows():
    dps = DPS(steps=40, scale=0.1, clamp=False)
    gml, psld = GMLDPS(steps=40, scale=0.1, gluing=0.05), PSLD(steps=40, scale=0.1, gluing=0.05)
    plain, case = solved(dps, 1.0)
    torch.testing.assert_close(solved(gml, 1.0)[0], plain, rtol=0, atol=1e-10)
    errs = solved(gml, 0.9)[0]
    assert float((errs - plain).abs().max()) > 0.01
    assert float((solved(psld, 0.9)[0] - solved(psld, 1.0)[0]).abs().max()) > 0.01
    directions = torch.eye(2, dtype=torch.float64)
    exact = case.exact.draw(400, "reference")
    blind = solved(replace(dps, scale=0.0), 1.0)[0]
    far, near = (float(sliced(x[None], exact, directions)) for x in (blind, plain))
    assert near < 0.6 * far, "what is read of y brings the draws nearer"


def test_solvers_read_y_and_without_their_steps_they_do_not():
    case = panel.case("latent_warp", "inpaint_noisy", "quick")
    for solver in (DPS(steps=30), PSLD(steps=30)):
        on = panel.certify("on", solver, case, "quick")
        off = replace(solver, scale=0.0, **({} if isinstance(solver, DPS) else {"gluing": 0.0}))
        assert on.verdict == "approximate", on.reason
        assert panel.certify("off", off, case, "quick").verdict == "not a posterior sampler"


def test_a_wrong_decoder_is_caught():
    """Draws of the exact posterior of a decoder without its bends are not those of the case."""
    case = make("latent_warp", "denoise", 30).wide
    other = warp.Grid(Latent(warp.prior().prior, Straight(1.0)), case.operator, case.y, case.sigma_y)
    directions = torch.eye(2, dtype=torch.float64)
    target = case.exact.draw(200, "target")
    floor = float(sliced(case.exact.draw(200, "again"), target, directions).mean())
    assert float(sliced(other.draw(200, "other"), target, directions).mean()) > 2 * floor
    assert math.isclose(float(case.exact.weights.sum(1).mean()), 1, abs_tol=1e-12)
