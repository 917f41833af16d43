"""The push itself: who is whose neighbour, how far it reaches, what it leaves alone."""

import math

import pytest
import torch
from pydantic import ValidationError

from posterity.wrappers.diversity import Diversity

ONE = torch.tensor(1.0)


def predictions(*values):
    return torch.tensor(values, dtype=torch.float64).view(len(values), 1, 1, 1)


def together(x0):
    return torch.zeros(len(x0), dtype=torch.long)


def test_two_samples_move_apart_around_their_mean():
    """The difference is multiplied by exactly 1 + 2 η t/T."""
    x0 = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    out = Diversity(eta=0.6)(x0, together(x0), torch.tensor(48.0), 0.5)
    assert torch.allclose(out[0] - out[1], 1.6 * (x0[0] - x0[1]), atol=1e-14)
    assert torch.allclose(out.mean(0), x0.mean(0), atol=1e-14)


def test_everybody_leaves_the_nearest_at_once():
    """On a line at 0, 1, 3: neighbours are 1, 0 and 1, taken before anybody moved."""
    out = Diversity(eta=1.0)(predictions(0, 1, 3), torch.zeros(3).long(), ONE, 1.0)
    assert out.flatten().tolist() == [-1.0, 2.0, 5.0]


def test_items_do_not_see_each_other():
    x0, items = torch.randn(7, 2, 3, dtype=torch.float64), torch.tensor([4, 1, 4, 1, 4, 9, 1])
    out = Diversity(eta=0.5)(x0, items, ONE, 0.7)
    for item in (4, 1, 9):
        rows = items == item
        assert torch.equal(out[rows], Diversity(eta=0.5)(x0[rows], items[rows], ONE, 0.7))
    assert torch.equal(out[5], x0[5])


def test_order_of_the_batch_does_not_matter():
    x0, items = torch.randn(8, 3, 4, 4, dtype=torch.float64), torch.tensor([0, 1] * 4)
    unknowns = torch.arange(1, 9).double()
    guidance, order = Diversity(eta=0.5, threshold=2.0), torch.randperm(8)
    out = guidance(x0, items, unknowns, 0.7)
    assert torch.equal(guidance(x0[order], items[order], unknowns[order], 0.7), out[order])


def test_reach_is_the_number_of_unknowns_times_the_threshold():
    """Norms are of the full image and the comparison is strict; every row has its own S."""
    x0, items = predictions(0, 1, 10, 12), torch.tensor([0, 0, 1, 1])
    guidance = Diversity(eta=1.0, threshold=0.5)
    for unknowns, moved in ((2.0, [0, 1, 10, 12]), (2.1, [-1, 2, 10, 12]), (4.1, [-1, 2, 8, 14])):
        assert guidance(x0, items, torch.tensor(unknowns), 1.0).flatten().tolist() == moved
    unknowns = torch.tensor([2.1, 1.9, 3.9, 4.1])
    assert guidance(x0, items, unknowns, 1.0).flatten().tolist() == [-1, 1, 10, 14]
    assert torch.equal(guidance(x0, items, torch.tensor([2.1]), 1.0), guidance(x0, items, torch.tensor(2.1), 1.0))


@pytest.mark.parametrize("threshold", [None, math.inf])
def test_no_threshold_is_no_limit(threshold):
    out = Diversity(eta=1.0, threshold=threshold)(predictions(0, 1e6), torch.zeros(2).long(), ONE, 1.0)
    assert out.flatten().tolist() == [-1e6, 2e6]


@pytest.mark.parametrize(
    "guidance", [Diversity(eta=0.0), Diversity(eta=1.0, threshold=0.0), Diversity(eta=1.0, rms=0.0)]
)
def test_no_strength_or_reach_returns_the_predictions_themselves(guidance):
    x0 = torch.randn(3, 4)
    assert guidance(x0, together(x0), ONE, 1.0) is x0


def test_nearly_equal_predictions_keep_their_neighbours():
    """Offsets of 1e-5 around 0.9 in float32, where a Gram matrix has no digit left."""
    base = torch.full((12288,), 0.9)
    x0 = torch.stack([base, base + 1e-5, base + 4e-5, base + 6e-5])
    out = Diversity(eta=0.5)(x0, together(x0), ONE, 1.0)
    for row, neighbour in enumerate([1, 0, 3, 2]):
        assert torch.allclose(out[row] - x0[row], 0.5 * (x0[row] - x0[neighbour]), atol=2e-7)


def test_equal_predictions_stay_where_they_are():
    x0 = torch.ones(3, 5, dtype=torch.float64)
    assert torch.equal(Diversity(eta=1.0)(x0, together(x0), ONE, 1.0), x0)


def test_double_precision_is_kept():
    """0.6 x 0.5 is not a number of single precision."""
    x0 = predictions(0, 1)
    moved = Diversity(eta=0.6)(x0, torch.zeros(2).long(), ONE, 0.5)
    assert moved.flatten().tolist() == pytest.approx([-0.3, 1.3], abs=1e-15)


def test_gradient_flows_into_the_neighbour_and_not_through_the_choice():
    x0 = predictions(0, 1, 3).requires_grad_()
    out = Diversity(eta=0.5, threshold=1.5)(x0, torch.zeros(3).long(), ONE, 1.0)
    (gradient,) = torch.autograd.grad(out.flatten() @ torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64), x0)
    # out = (1.5 a - .5 b, 1.5 b - .5 a, c): the third is out of reach.
    assert gradient.flatten().tolist() == [1.5 - 5.0, 15.0 - 0.5, 100.0]


def test_reach_as_an_rms_difference():
    """At 256×256 an RMS difference of 0.1774 is D = 0.0004, a norm of 78.6."""
    items, unknowns = torch.zeros(2).long(), torch.tensor(196_608.0)
    for norm, moves in ((78.6, True), (78.7, False)):
        x0 = predictions(0, norm)
        for guidance in (Diversity(eta=1.0, rms=0.177_36), Diversity(eta=1.0, threshold=0.0004)):
            assert guidance(x0, items, unknowns, 1.0).equal(x0) is not moves


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"eta": -0.1},
        {"eta": 0.5, "threshold": -1.0},
        {"eta": 0.5, "rms": -1.0},
        {"eta": 0.5, "D": 1.0},
        {"eta": 0.5, "threshold": 0.001, "rms": 0.4},
    ],
)
def test_settings_out_of_range_or_unknown_are_refused(wrong):
    with pytest.raises(ValidationError):
        Diversity(**wrong)
