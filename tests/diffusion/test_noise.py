"""Draws depend on who asks, and on nothing else."""

import pytest
import torch

from posterity.diffusion.noise import Noise, generator

NOISE = Noise(3, ["a", "a", "b"], [0, 1, 0])


def test_a_row_is_the_same_alone_and_in_a_batch():
    whole, alone = NOISE.normal("step", 4, (2, 5)), Noise(3, ["b"], [0])
    assert torch.equal(alone.normal("step", 4, (2, 5))[0], whole[2])
    assert torch.equal(alone.uniform("step", 4)[0], NOISE.uniform("step", 4)[2])


@pytest.mark.parametrize("other", ["seed", "item", "sample", "purpose", "step"])
def test_any_change_of_who_asks_changes_the_draws(other):
    who = {"seed": 3, "item": "a", "sample": 0, "purpose": "step", "step": 4}

    def draws(seed, item, sample, purpose, step):
        return Noise(seed, [item], [sample]).normal(purpose, step, (100,))[0]

    changed = who | {other: "other" if isinstance(who[other], str) else who[other] + 1}
    correlation = torch.corrcoef(torch.stack([draws(**who), draws(**changed)]))[0, 1]
    assert abs(correlation) < 0.5


def test_names_are_not_run_together():
    """(seed 1, item "1x") and (seed 11, item "x") are different askers."""
    one, other = Noise(1, ["1x"], [0]), Noise(11, ["x"], [0])
    assert not torch.equal(one.normal("init", 0, (4,)), other.normal("init", 0, (4,)))


def test_draws_are_standard_normal_and_uniform():
    many = Noise(0, ["a"] * 2000, range(2000))
    x = many.normal("init", 0, (10,)).flatten()
    assert abs(x.mean()) < 4.5 / 20_000**0.5 and abs(x.var() - 1) < 4.5 * (2 / 20_000) ** 0.5
    assert abs((x**4).mean() - 3) < 4.5 * (96 / 20_000) ** 0.5
    u = many.uniform("mode")
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 4.5 / (12 * 2000) ** 0.5


def test_precision_is_the_one_asked_for():
    single = Noise(3, ["a"], [0], dtype=torch.float32).normal("init", 0, (4,))
    assert single.dtype == torch.float32 and NOISE.normal("init", 0, (4,)).dtype == torch.float64
    assert torch.equal(single[0].double(), NOISE.normal("init", 0, (4,))[0])
    assert len(NOISE) == 3


def test_generators_are_pinned():
    """A change of these numbers would silently change every sample ever drawn."""
    assert generator(0, "item", 1).standard_normal(2).tolist() == pytest.approx(
        [-0.7845383953402475, -1.4005926976800611], abs=1e-12
    )
    assert NOISE.normal("step", 4, (2,))[0].tolist() == pytest.approx([-0.5264600515, 0.4010576308], abs=1e-6)


def test_no_draw_is_infinite_and_tails_are_as_heavy_as_they_should_be():
    """Of a million draws 2700 lie beyond 3 and 63 beyond 4; none can lie beyond 5.42."""
    x = Noise(1, ["a"] * 100, range(100)).normal("step", 0, (10_001,)).abs()
    assert x.max() < 5.4201
    for bound, share in ((1.0, 0.31731), (3.0, 2.6998e-3), (4.0, 6.334e-5)):
        count = (x > bound).sum().item()
        assert abs(count - share * x.numel()) < 4.5 * (share * x.numel()) ** 0.5


def test_neighbours_in_a_row_and_rows_are_independent():
    x = Noise(2, ["a"] * 50, range(50)).normal("step", 0, (10_000,))
    pairs = [(x[:, 1:], x[:, :-1]), (x[:, 2:], x[:, :-2]), (x[1:], x[:-1]), (x[:, 1:].square(), x[:, :-1].square())]
    for one, other in pairs:
        correlation = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
        assert abs(correlation) < 4.5 / one.numel() ** 0.5


def test_draws_have_the_shape_that_was_set_unless_another_is_asked_for():
    shaped = NOISE.shaped((2, 5))
    assert torch.equal(shaped.normal("step", 4), NOISE.normal("step", 4, (2, 5)))
    assert torch.equal(shaped.normal("step", 4, (3,)), NOISE.normal("step", 4, (3,)))


def test_rows_draw_what_they_draw_in_the_whole():
    index = torch.tensor([2, 0, 0])
    few = NOISE.shaped((4,)).rows(index)
    assert torch.equal(few.normal("step", 1), NOISE.normal("step", 1, (4,))[index])
    assert torch.equal(few.uniform("mode"), NOISE.uniform("mode")[index])


def test_streams_are_independent_and_the_first_is_the_noise_itself():
    many = Noise(5, ["a"] * 4000, range(4000), shape=(4,))
    streams = [many.stream(k).normal("init") for k in range(3)]
    assert torch.equal(streams[0], many.normal("init"))
    correlation = torch.corrcoef(torch.stack([s.flatten() for s in streams]))
    assert (correlation - torch.eye(3)).abs().max() < 4 / 16000**0.5


def test_draws_of_an_item_are_its_samples_own_however_many_they_are():
    few, many = (Noise(5, ["a"] * n + ["b"] * n, [*range(n)] * 2, shape=(4,)) for n in (2, 7))
    one, other = few.of_items().normal("init"), many.of_items().normal("init")
    assert torch.equal(one[0], one[1]) and torch.equal(one[[0, 2]], other[[0, 7]])
    assert not torch.equal(one[0], one[2]) and not torch.equal(one[0], few.normal("init")[0])
