"""Replacement: the published bias of both forms, exactly; what happens to the known pixels; costs."""

import math
from itertools import pairwise

import pytest
import torch

from posterity.diffusion.grids import spaced
from posterity.operators.masks import Inpainting
from posterity.samplers.replacement import Replacement

PAIR = (1, 1, 2)


@pytest.fixture
def outcome_of(bench):
    """Two unit Gaussians with correlation 0.9; the first is observed and is 1. The truth is (0.9, 0.19)."""
    prior = bench.Gaussian(PAIR, torch.tensor([[1.0, 0.9], [0.9, 1.0]]))
    y = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    operator = Inpainting(y, PAIR)

    def of(**settings):
        sampler = Replacement(clamp=False, **settings)
        return lambda noise: bench.restore(sampler, prior, operator, y, noise=noise).x.flatten(1)

    return of


def test_moments_of_the_unknown_pixel(bench, outcome_of):
    """The numbers of RePaint without resampling; the known pixel is y."""
    mean, covariance = bench.exact_moments(outcome_of())
    assert mean[1].item() == pytest.approx(0.6221, abs=6e-5)
    assert covariance[1, 1].item() == pytest.approx(0.3003, abs=6e-5)
    assert mean[0].item() == 1.0 and covariance[0].abs().max() == 0


def test_moments_of_the_blended_form(bench, outcome_of):
    """Against a recursion written out for the pair (known, unknown)."""
    a = bench.schedule.alpha_bar
    prior = bench.Gaussian(PAIR, torch.tensor([[1.0, 0.9], [0.9, 1.0]]))
    mean, covariance = torch.zeros(2).double(), torch.eye(2).double()
    for t, s in pairwise([*reversed(spaced(250))]):
        mean[0] = math.sqrt(a(t))
        covariance[0], covariance[:, 0] = 0, 0
        covariance[0, 0] = 1 - a(t)
        gain, eye = prior.jacobian(t), torch.eye(2).double()
        move = math.sqrt(a(s)) * gain + math.sqrt((1 - a(s)) / (1 - a(t))) * (eye - math.sqrt(a(t)) * gain)
        mean, covariance = move @ mean, move @ covariance @ move.T
    found = bench.exact_moments(outcome_of(form="blended"))
    assert torch.allclose(found[0], mean, atol=1e-9) and torch.allclose(found[1], covariance, atol=1e-9)
    assert found[0][1].item() < 0.85 and abs(found[0][0].item() - 1) < 0.02  # biased, and not pasted


@pytest.mark.parametrize("form", ["ancestral", "blended"])
def test_monte_carlo_agrees_with_the_exact_moments(bench, outcome_of, form):
    outcome = outcome_of(form=form, steps=50)
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome))


@pytest.mark.parametrize(("form", "evaluations"), [("ancestral", 250), ("blended", 249)])
def test_evaluations_and_known_pixels(bench, form, evaluations):
    operator = bench.operators((3, 4, 4))["inpaint"]
    y = operator(torch.rand(1, 3, 4, 4, dtype=torch.float64) - 0.5)
    # The denoiser has no idea of y, and would have the same grey everywhere.
    prior = bench.Oracle(torch.full((3, 4, 4), 0.7, dtype=torch.float64))
    samples = bench.restore(Replacement(form=form), prior, operator, y, noise=bench.rows(bench.Draws, 5))
    assert (samples.cost.forwards, samples.cost.backwards) == (evaluations, 0)
    known = operator.keep.expand_as(y)[0] > 0
    assert (samples.x[:, ~known] - 0.7).abs().max() < (1e-12 if form == "ancestral" else 0.1)
    shown = prior.seen[-1][1][:, known]  # what the last evaluation saw: y with the noise of its level
    assert (shown - y[:, known]).abs().max() < 0.15
    if form == "ancestral":
        assert torch.equal(samples.x[:, known], y[:, known].expand(5, -1))


@pytest.mark.parametrize("form", ["ancestral", "blended"])
def test_the_result_is_cut_to_the_range(bench, form):
    prior, keep = bench.Oracle(torch.full(PAIR, 7.0, dtype=torch.float64)), torch.zeros(1, *PAIR, dtype=torch.float64)
    options = {"noise": bench.rows(bench.Draws, 2)}
    for clamp in (True, False):
        x = bench.restore(Replacement(form=form, clamp=clamp), prior, bench.Hidden(PAIR), keep, **options).x
        assert (x.abs().max().item() <= 1) == clamp
