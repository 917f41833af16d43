"""Every operator family keeps what it claims to have: adjoint, pseudo-inverse, SVD, rows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posterity.operators.base import Operator
from posterity.operators.build import FAMILIES, build

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@dataclass(frozen=True)
class Case:
    """A batch of one family: the operator, signals x, z and measurements y that fit it."""

    name: str
    task: dict[str, object]
    operator: Operator
    x: Tensor
    z: Tensor
    y: Tensor


def make(family: str, *, batch: int = 3, size: int = 16, channels: int = 3, factor: int = 4, seed: int = 0) -> Case:
    rng = torch.Generator().manual_seed(seed)
    shape = (channels, size, size)
    task: dict[str, object] = {"operator": family, "factor": factor}
    parameters = {}
    if family == "inpaint":
        parameters["keep"] = (torch.rand(batch, 1, size, size, generator=rng) < 0.6).float()
    operator = build(task, shape, parameters)
    x, z = torch.randn(2, batch, *shape, generator=rng, dtype=torch.float64)
    y = torch.randn(operator(x).shape, generator=rng, dtype=torch.float64) * operator.where_measured(operator(x))
    return Case(family, task, operator, x, z, y)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    family = draw(st.sampled_from(sorted(FAMILIES)))
    factor = draw(st.sampled_from([2, 4, 8]))
    return make(
        family,
        batch=draw(st.integers(1, 4)),
        size=factor * draw(st.integers(1, 3)),
        channels=3 if family == "colorize" else draw(st.sampled_from([1, 3])),
        factor=factor,
        seed=draw(st.integers(0, 2**31)),
    )


many = settings(max_examples=40, deadline=None)
families = pytest.mark.parametrize("family", sorted(FAMILIES))


def dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1)


def dense(operator: Operator, row: int) -> Tensor:
    """The matrix of one row of the batch, (numel of y, numel of x)."""
    count = torch.Size(operator.signal_shape).numel()
    basis = torch.eye(count, dtype=torch.float64).reshape(count, *operator.signal_shape)
    return operator.rows(torch.full((count,), row))(basis).flatten(1).T


@many
@given(cases())
def test_adjoint_is_the_transpose(case: Case) -> None:
    left, right = dot(case.operator(case.x), case.y), dot(case.x, case.operator.adjoint(case.y))
    torch.testing.assert_close(left, right, **CLOSE)


@many
@given(cases())
def test_pseudo_inverse_is_moore_penrose(case: Case) -> None:
    a, pinv = case.operator, case.operator.pinv
    torch.testing.assert_close(a(pinv(a(case.x))), a(case.x), **CLOSE)
    torch.testing.assert_close(pinv(a(pinv(case.y))), pinv(case.y), **CLOSE)
    torch.testing.assert_close(dot(pinv(a(case.x)), case.z), dot(case.x, pinv(a(case.z))), **CLOSE)
    other = a(case.z) + case.y
    torch.testing.assert_close(dot(a(pinv(case.y)), other), dot(case.y, a(pinv(other))), **CLOSE)


@many
@given(cases())
def test_svd_rebuilds_the_operator(case: Case) -> None:
    a, svd = case.operator, case.operator.svd
    torch.testing.assert_close(svd.U(svd.singulars * svd.Vt(case.x)), a(case.x), **CLOSE)
    torch.testing.assert_close(svd.V(svd.singulars * svd.Ut(case.y)), a.adjoint(case.y), **CLOSE)
    seen = (svd.singulars > 0).expand_as(case.x)
    inverted = torch.where(seen, svd.Ut(case.y) / svd.singulars.expand_as(case.x).clamp(min=1e-12), 0)
    torch.testing.assert_close(svd.V(inverted), a.pinv(case.y), **CLOSE)


@many
@given(cases())
def test_right_singular_vectors_are_orthonormal(case: Case) -> None:
    svd = case.operator.svd
    torch.testing.assert_close(svd.V(svd.Vt(case.x)), case.x, **CLOSE)
    torch.testing.assert_close(svd.Vt(svd.V(case.x)), case.x, **CLOSE)
    torch.testing.assert_close(dot(svd.Vt(case.x), svd.Vt(case.z)), dot(case.x, case.z), **CLOSE)


@many
@given(cases())
def test_unseen_directions_carry_nothing(case: Case) -> None:
    svd = case.operator.svd
    unseen = (svd.singulars == 0).expand_as(case.x).to(case.x)
    assert (svd.Ut(case.y) * unseen == 0).all()
    assert (svd.U(unseen * case.x) == 0).all()


@families
def test_singular_values_are_those_of_the_matrix(family: str) -> None:
    case = make(family)
    singulars = case.operator.svd.singulars.expand_as(case.x)
    for row in range(2):
        matrix = dense(case.operator, row)
        expected = torch.linalg.svdvals(matrix)
        found = singulars[row].flatten().to(matrix).sort(descending=True).values[: len(expected)]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@families
def test_matrix_agrees_with_adjoint_and_pseudo_inverse(family: str) -> None:
    case = make(family, size=8)
    matrix = dense(case.operator, 1)
    y = case.y[1].flatten()
    torch.testing.assert_close(case.operator.adjoint(case.y)[1].flatten(), matrix.T @ y, **CLOSE)
    torch.testing.assert_close(case.operator.pinv(case.y)[1].flatten(), torch.linalg.pinv(matrix) @ y, **CLOSE)


@many
@given(cases(), st.data())
def test_rows_may_be_taken_in_any_order_and_again(case: Case, data: st.DataObject) -> None:
    count = len(case.x)
    index = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=6)))
    part = case.operator.rows(index)
    assert torch.equal(part(case.x[index]), case.operator(case.x)[index])
    assert torch.equal(part.where_measured(case.y[index]), case.operator.where_measured(case.y)[index])
    assert torch.equal(part.svd.Ut(case.y[index]), case.operator.svd.Ut(case.y)[index])


@families
def test_parameters_are_all_that_rebuilds_it(family: str) -> None:
    case = make(family)
    again = build(case.task, case.operator.signal_shape, case.operator.parameters())
    assert torch.equal(again(case.x), case.operator(case.x))


@families
def test_single_precision_stays_single(family: str) -> None:
    case = make(family)
    single = case.operator.to(torch.float32)
    x, y = case.x.float(), case.y.float()
    svd = single.svd
    results = [single(x), single.adjoint(y), single.pinv(y), svd.Vt(x), svd.V(x), svd.U(x), svd.Ut(y)]
    assert {result.dtype for result in results} == {torch.float32}
    torch.testing.assert_close(single(x).double(), case.operator(case.x), rtol=1e-5, atol=1e-5)


@families
def test_claims_are_kept(family: str) -> None:
    assert make(family).operator.has >= {"linear", "adjoint", "pinv", "svd"}


def test_unknowns_of_inpainting_are_the_hidden_values_of_each_row() -> None:
    case = make("inpaint")
    hidden = 1 - case.operator.parameters()["keep"]
    assert torch.equal(case.operator.unknowns, 3 * hidden.sum(dim=(1, 2, 3)))
    assert (case.operator.where_measured(case.y) == 1 - hidden).all()


def test_unknowns_without_a_mask_are_all_values() -> None:
    assert make("sr").operator.unknowns == 3 * 16 * 16


def test_a_shared_mask_serves_every_row() -> None:
    keep = torch.ones(1, 1, 8, 8)
    keep[..., 4:] = 0
    operator = build({"operator": "inpaint"}, (3, 8, 8), {"keep": keep})
    x = torch.randn(5, 3, 8, 8, dtype=torch.float64)
    assert torch.equal(operator.rows(torch.tensor([4, 0]))(x[:2]), x[:2] * keep)
