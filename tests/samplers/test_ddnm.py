"""DDNM: exact consistency for any network, marginals with an oracle, the identities of DDNM+."""

import math

import pytest
import torch

from posterity.samplers.ddnm import DDNM

SHAPE = (3, 4, 4)
OPERATORS = ["inpaint", "sr", "colorize", "denoise"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("travel", [{}, {"steps": 50, "travel_length": 5, "travel_repeat": 2}])
def test_noiseless_restorations_agree_with_y_for_any_network(bench, name, travel):
    operator = bench.operators(SHAPE)[name]
    y = operator(2 * torch.rand(1, *SHAPE, dtype=torch.float64) - 1)
    x = bench.restore(DDNM(**travel), bench.Network(SHAPE), operator, y, noise=bench.rows(bench.Draws, 3)).x
    assert (operator(x) - y).abs().max() < 1e-12
    assert name == "denoise" or (x[0] - x[1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("sigma_y", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(
    ("eta", "travel"), [(0.0, {}), (0.85, {}), (1.0, {}), (0.85, {"travel_length": 3, "travel_repeat": 2})]
)
def test_an_oracle_keeps_the_marginals(bench, name, sigma_y, eta, travel):
    """Mean √ᾱ_t x and variance 1-ᾱ_t in every direction at every time, over the noise of y too."""
    truth = torch.linspace(-1, 1, 48, dtype=torch.float64).view(SHAPE)
    operator, a = bench.operators(SHAPE)[name], bench.schedule.alpha_bar(950)
    times = []

    def outcome(noise):
        prior = bench.Oracle(truth)
        clean = operator(truth.expand(len(noise), *SHAPE))
        y = clean + sigma_y * noise.normal("measurement", 0, clean.shape[1:])
        start = (950, math.sqrt(a) * truth + math.sqrt(1 - a) * noise.normal("start", 0, SHAPE))
        bench.restore(DDNM(steps=20, eta=eta, **travel), prior, operator, y, sigma_y, noise=noise, start=start)
        times[:] = [t for t, _ in prior.seen]
        return torch.cat([operator.svd.Vt(x).flatten(1) for _, x in prior.seen], dim=1)

    mean, covariance = bench.exact_moments(outcome)
    level = torch.tensor([bench.schedule.alpha_bar(t) for t in times], dtype=torch.float64)[:, None]
    assert len(times) == (38 if travel else 20)
    assert torch.allclose(mean.view(-1, 48), level.sqrt() * operator.svd.Vt(truth[None]).flatten(), atol=1e-9)
    assert torch.allclose(covariance.diagonal().view(-1, 48), (1 - level).expand(-1, 48), atol=1e-9)


@pytest.mark.parametrize("sigma_y", [0.05, 0.5])
@pytest.mark.parametrize("eta", [0.3, 0.85])
def test_injected_and_fresh_noise_add_up(bench, sigma_y, eta):
    """a²λ²σ_y²/s² + d1² = σ² where something is measured; d1² + d2² = σ² where nothing is."""
    singulars = torch.tensor([0.0, 0.02, 0.3, 1.0], dtype=torch.float64)
    branches = set()
    for t in range(0, 1000, 50):
        a_s = bench.schedule.alpha_bar(t)
        weight, fresh, kept = DDNM(eta=eta)._spectral_weights(singulars, sigma_y, bench.schedule.level(t))
        injected = math.sqrt(a_s) * sigma_y / singulars[1:]
        assert kept[0] ** 2 + fresh[0] ** 2 == pytest.approx(1 - a_s)
        assert (kept[1:] == 0).all() and ((weight >= 0) & (weight <= 1)).all()
        total = (weight[1:] * injected) ** 2 + fresh[1:] ** 2
        assert torch.allclose(total, torch.full_like(total, 1 - a_s), rtol=1e-12)
        branches |= set((weight[1:] < 1).tolist())
    assert branches == {True, False}


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
def test_monte_carlo_agrees_with_the_exact_moments(bench, sigma_y):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)) / 8
    prior = bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(48), mean=0.1)
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.full((1, *SHAPE), 0.3, dtype=torch.float64))
    sampler = DDNM(steps=25)
    outcome = lambda noise: bench.restore(sampler, prior, operator, y, sigma_y, noise=noise).x.flatten(1)  # noqa: E731
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=5000)


@pytest.mark.parametrize(
    ("variance", "finals"),
    [(1.0, (0.8327, 0.9640, 0.9963)), (0.25, (0.1881, 0.2362, 0.2485)), (4.0, (3.4409, 3.8810, 3.9874))],
)
@pytest.mark.parametrize(("column", "steps"), [(0, 20), (1, 100), (2, 1000)])
def test_without_measurement_and_noise_it_is_ddim(bench, variance, finals, column, steps):
    """Final variance of the deterministic sampler from N(0, 1) for the prior N(0, s²)."""
    prior = bench.Gaussian((1, 1, 1), variance * torch.eye(1))
    nothing = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    operator, sampler = bench.Hidden((1, 1, 1)), DDNM(steps=steps, eta=0.0)
    outcome = lambda noise: bench.restore(sampler, prior, operator, nothing, noise=noise).x.flatten(1)  # noqa: E731
    _, covariance = bench.exact_moments(outcome)
    assert covariance.item() == pytest.approx(finals[column], abs=6e-5)


def test_time_travel_costs_what_it_should(bench):
    operator = bench.operators(SHAPE)["inpaint"]
    y = torch.zeros(1, *SHAPE, dtype=torch.float64)
    sampler = DDNM(steps=250, travel_length=10, travel_repeat=3)
    cost = bench.restore(sampler, bench.Network(SHAPE), operator, y, noise=bench.rows(bench.Draws, 1)).cost
    assert cost.forwards == 730
