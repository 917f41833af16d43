"""What goes around an algorithm: where a run begins and goes, what it reports, rows alone, clipping, refusals."""

import gc
import weakref

import pytest
import torch

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.hdr import Clipping
from posterity.priors.around import Around
from posterity.priors.base import Prediction
from posterity.samplers.base import Problem, Sampler
from posterity.samplers.ddrm import DDRM
from posterity.samplers.reddiff import REDDiff

SHAPE = (3, 4, 4)


class Walk(Sampler):
    """Asks once a step, and goes up once."""

    def times(self, schedule):
        return [schedule.level(t) for t in (900, 500, 700, 300)] + [CLEAN]

    def run(self, problem, noise):
        x = problem.begin(noise)
        self.seen = []
        for step, (t, s) in problem.steps(self):
            self.seen.append((step, t.t, s.t))
            x = problem.guided(problem.predict(x, t).x0, t)
        return x


def made(bench, rows=3):
    operator = bench.operators(SHAPE)["sr"]
    return Problem(bench.Network(SHAPE), operator, operator(torch.rand(rows, *SHAPE).double()), 0.1, torch.arange(rows))


def test_a_walk_is_reported_but_for_its_way_up(bench):
    told, walk = [], Walk()
    x = walk.sample(made(bench), Noise(0, list("abc"), [0] * 3), watch=lambda *one: told.append(one)).x
    assert walk.seen == [(0, 900, 500), (1, 500, 700), (2, 700, 300), (3, 300, -1)]
    assert [(step, count) for step, count, _ in told] == [(0, 4), (2, 4), (3, 4)]
    assert torch.equal(told[-1][2], x)


@pytest.mark.parametrize(("time", "first"), [(950.5, 900), (900, 900), (899.9, 500), (100, -1), (0, None)])
def test_a_late_start_begins_at_the_first_level_that_is_not_noisier(bench, time, first):
    walk, x = Walk(), torch.rand(3, *SHAPE, dtype=torch.float64)
    done = walk.sample(made(bench), Noise(0, list("abc"), [0] * 3), start=(time, x))
    assert [t for _, t, _ in walk.seen][:1] == ([first] if first is not None and first >= 0 else [])
    assert walk.seen or torch.equal(done.x, x)


def test_rows_are_the_problem_of_these_rows_and_count_into_its_cost(bench):
    problem = made(bench)
    problem.start = (500, torch.rand(3, *SHAPE, dtype=torch.float64))
    few = problem.rows(torch.tensor([2, 0]))
    assert torch.equal(few.y, problem.y[[2, 0]]) and few.items.tolist() == [2, 0]
    assert torch.equal(few.start[1], problem.start[1][[2, 0]])
    few.predict(few.start[1], few.schedule.level(10))
    assert problem.cost.forward_rows == 2


def test_clipping_obeys_the_priors_bounds(bench):
    problem, x = made(bench), torch.linspace(-4, 4, 9).double().requires_grad_()
    assert torch.equal(problem.clip(x), x.clamp(-1, 1)) and problem.clip(x, wanted=False) is x
    ours, theirs = (torch.autograd.grad(f(x).sum(), x)[0] for f in (problem.clip, lambda v: v.clamp(-1, 1)))
    assert torch.equal(ours, theirs)
    problem.prior.bounds = (0.0, 2.0)
    assert torch.equal(problem.clip(x), x.clamp(0, 2))
    problem.prior.bounds = None
    assert problem.clip(x) is x


class Twice(Around):
    """Says that every answer took two evaluations."""

    def predict(self, x_t, level):
        return Prediction(super().predict(x_t, level).x0, evaluations=2)


def test_what_a_prediction_took_is_counted_forwards_and_backwards(bench):
    problem = made(bench)
    problem.prior, x = Twice(problem.prior), torch.rand(3, *SHAPE, dtype=torch.float64).requires_grad_()
    torch.autograd.grad(problem.predict(x, problem.schedule.level(10)).x0.sum(), x)
    assert (problem.cost.forward_rows, problem.cost.backward_rows) == (6, 6)


class Nowhere(Sampler):
    """Walks, but does not say where."""

    def run(self, problem, noise):
        for _ in problem.steps(self):
            pass
        return problem.begin(noise)


def test_what_a_sampler_cannot_do_is_refused_in_one_line(bench):
    problem, noise = made(bench), Noise(0, list("abc"), [0] * 3)
    with pytest.raises(PosterityError, match="sampler nowhere: it has no levels to walk along"):
        Nowhere().sample(problem, noise)
    with pytest.raises(PosterityError, match="sampler reddiff: has no noisy state to begin late from; use it plain"):
        REDDiff().sample(problem, noise, start=(300, problem.y))
    clipped = Problem(bench.Network(SHAPE), Clipping(2.0, SHAPE), torch.zeros(3, *SHAPE), 0.1, torch.arange(3))
    with pytest.raises(PosterityError, match="sampler ddrm: needs svd, which Clipping lacks"):
        DDRM().sample(clipped, noise)


def test_a_prediction_is_forgotten_with_its_graph(bench):
    """Nothing that counts its gradient keeps it: on a GPU its memory is free at once, not when Python cleans up."""
    problem, x = made(bench), torch.rand(3, *SHAPE, dtype=torch.float64).requires_grad_()
    gc.disable()
    try:
        found = problem.predict(x, problem.schedule.level(10)).x0
        gone = weakref.ref(found)
        torch.autograd.grad(found.sum(), x)
        del found
        assert gone() is None
    finally:
        gc.enable()
