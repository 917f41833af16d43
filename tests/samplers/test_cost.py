"""Cost: rows that the network saw, over restorations, however they were divided among calls."""

import pytest
import torch

from posterity.certificates.foreign import Foreign
from posterity.samplers.base import Cost, Problem, Sampler

SHAPE = (3, 4, 4)
ROWS = 6


def particles(denoise, A, y, sigma_y, noise):  # noqa: N803 - the names of the protocol
    """Four for every restoration, one of which is kept."""
    x = noise("init", 0).repeat_interleave(4, dim=0)
    for t in (900, 500, 100):
        x = denoise(x, t)
    return x[::4]


def row_by_row(denoise, A, y, sigma_y, noise):  # noqa: N803
    return torch.cat([denoise(row[None], 500) for row in noise("init", 0)])


def in_halves(denoise, A, y, sigma_y, noise):  # noqa: N803
    x = noise("init", 0)
    for t in (900, 100):
        x = torch.cat([denoise(x[:3], t), denoise(x[3:], t)])
    return x


def half_stops_early(denoise, A, y, sigma_y, noise):  # noqa: N803
    x = denoise(noise("init", 0), 900)
    for t in (500, 300, 100):
        x = torch.cat([denoise(x[:3], t), x[3:]])
    return x


def gradient_of_a_third(denoise, A, y, sigma_y, noise):  # noqa: N803
    x = noise("init", 0)
    with torch.enable_grad():
        part = x[:2].requires_grad_()
        gradient = torch.autograd.grad(denoise(part, 500).square().sum(), part)[0]
    return torch.cat([part.detach() - gradient, x[2:]])


@pytest.mark.parametrize(
    ("restore", "forwards", "backwards"),
    [
        (particles, 12, 0),
        (row_by_row, 1, 0),
        (in_halves, 2, 0),
        (half_stops_early, 3, 0),  # (4 + 1) / 2 = 2.5 of a restoration
        (gradient_of_a_third, 1, 1),  # a third of one of each: what was spent is never told as nothing
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_rows_are_counted_and_not_calls(bench, restore, forwards, backwards):
    operator = bench.operators(SHAPE)["denoise"]
    y = operator(torch.rand(ROWS, *SHAPE, dtype=torch.float64))
    samples = bench.restore(Foreign(restore), bench.Network(SHAPE), operator, y, 0.1, bench.rows(bench.Draws, ROWS))
    assert (samples.cost.forwards, samples.cost.backwards) == (forwards, backwards)
    assert samples.cost.restorations == ROWS


def test_batches_of_unequal_size_count_by_their_rows():
    total = Cost()
    for rows, calls in ((6, 10), (2, 50)):
        total.add(Cost(rows, rows * calls, seconds=1.0))
    assert (total.restorations, total.forwards, total.seconds) == (8, 20, 2.0)
    assert Cost().forwards == 0


def test_a_sampler_that_is_run_again_counts_from_nothing(bench):
    class Once(Sampler):
        def run(self, problem, noise):
            return problem.predict(noise.normal("init"), problem.schedule.level(9)).x0

    operator = bench.operators(SHAPE)["denoise"]
    y = torch.zeros(ROWS, *SHAPE, dtype=torch.float64)
    problem = Problem(bench.Network(SHAPE), operator, y, 0.1, torch.arange(ROWS))
    costs = [Once().sample(problem, bench.rows(bench.Draws, ROWS)).cost.forwards for _ in range(2)]
    assert costs == [1, 1]
