"""Exact moments by noise probing, and what it refuses."""

import math

import pytest
import torch

from posterity.certificates.probing import Impulses, Moments, NotAffine, Streams, affine_moments, exact_moments, rows

T1, T2 = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)).double()


def affine(noise):
    return 1 + noise.normal("init", 0, (3,)) @ T1 + noise.normal("step", 4, (3,)) @ T2


def test_moments_of_an_affine_map():
    found = affine_moments(affine)
    assert torch.allclose(found.mean, torch.ones(3).double())
    assert torch.allclose(found.covariance, T1.T @ T1 + T2.T @ T2)
    assert found.rows == 7
    again = exact_moments(affine)
    assert isinstance(again, Moments) and torch.equal(again.covariance, found.covariance)


def test_probed_moments_are_those_of_many_rows():
    found, x = affine_moments(affine), affine(rows(Streams, 100_000))
    assert torch.allclose(torch.cov(x.T), found.covariance, rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (lambda n: affine(n).tanh(), "not affine"),
        (lambda n: affine(n) + n.uniform("mode")[:, None], "uniform"),
        (lambda n: affine(n) - affine(n).mean(0), "one another"),
        (lambda n: affine(n) / affine(n).norm(dim=1, keepdim=True), "not affine"),
    ],
)
def test_what_cannot_be_probed_says_why(outcome, why):
    with pytest.raises(NotAffine, match=why):
        affine_moments(outcome)


def test_probing_that_costs_more_than_sampling_is_refused():
    with pytest.raises(NotAffine, match="6 numbers a sample, more than 5"):
        affine_moments(affine, most=5)


def test_a_uniform_draw_that_changes_nothing_does_no_harm():
    found = affine_moments(lambda n: affine(n) + 0 * n.uniform("mode")[:, None])
    assert torch.allclose(found.covariance, T1.T @ T1 + T2.T @ T2)


def test_the_first_rows_of_a_stream_do_not_depend_on_how_many_follow():
    few, many = rows(Streams, 3, seed=5), rows(Streams, 700, seed=5)
    assert torch.equal(few.normal("a", 1, (2, 4)), many.normal("a", 1, (2, 4))[:3])
    assert torch.equal(few.uniform("b"), many.uniform("b")[:3])
    x = many.normal("a", 1, (2, 4)).flatten()
    assert abs(float(x.mean())) < 4 / math.sqrt(len(x)) and float(x.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", [Streams, Impulses])
def test_rows_streams_and_items_keep_the_contract(kind):
    whole = rows(kind, 40).shaped((3,))  # of which impulses take 16
    index = torch.tensor([4, 1])
    few = whole.rows(index)
    for noise, part in ((whole, few), (whole.stream(2), few.stream(2)), (whole.of_items(), few.of_items())):
        assert torch.equal(part.normal("step", 1), noise.normal("step", 1)[index])
        assert torch.equal(part.uniform("mode"), noise.uniform("mode")[index])
    assert torch.equal(few.rows(torch.tensor([1])).normal("a"), whole.normal("a")[[1]])
    drawn = [noise.normal("step", 1) for noise in (whole, whole.stream(1), whole.of_items())]
    assert not any(torch.equal(a, b) for a, b in ((drawn[0], drawn[1]), (drawn[0], drawn[2]), (drawn[1], drawn[2])))


def test_streams_of_items_are_shared_by_their_samples_however_many_they_are():
    few, many = (Streams(0, ["a"] * n + ["b"] * n, [*range(n)] * 2, shape=(3,)).of_items() for n in (2, 5))
    one, other = few.normal("x"), many.normal("x")
    assert torch.equal(one[0], one[1]) and torch.equal(one[[0, 2]], other[[0, 5]]) and not torch.equal(one[0], one[2])
