"""Every operator family keeps what it claims to have: adjoint, pseudo-inverse, SVD, gradient, rows.

A new family is one line of ``TASKS``; what it ``has`` decides which properties it must show.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators import families
from posterity.operators.base import Operator
from posterity.operators.build import build, draw

CLOSE = {"rtol": 1e-10, "atol": 1e-10}

TASKS: dict[str, dict[str, object]] = {
    "inpaint": {"pixels": [0.3, 0.6]},
    "sr": {"factor": 4},
    "pool": {"factor": 4},
    "colorize": {},
    "denoise": {},
    "blur": {"width": [0.0, 3.0]},
    "blur_truncated": {"width": [0.0, 3.0]},
    "motion_blur": {"size": 9, "intensity": 0.5},
    "spatial_blur": {},
    "jpeg": {"quality": 2},
    "phase": {"oversampling": 2},
    "hdr": {"factor": 2},
    "hadamard": {"ratio": 4},
    "dense": {"measured": 5},
}
ELSEWHERE = {"nonlinear_blur"}
"""Families whose operators need files; they have tests of their own."""

SIZES: dict[str, list[int]] = {"hadamard": [4, 8, 16], "jpeg": [16, 32]}
"""Sides that a family can take where it cannot take all (multiples of the factor)."""


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
    task = {"operator": family, **TASKS[family]}
    if "factor" in task:
        task["factor"] = factor
    own = [draw(task, shape, generator(seed, row)) for row in range(batch)]
    operator = build(task, shape, {name: torch.cat([o[name] for o in own]) for name in own[0]})
    x, z = torch.randn(2, batch, *shape, generator=rng, dtype=torch.float64)
    y = torch.randn(operator(x).shape, generator=rng, dtype=torch.float64) * operator.where_measured(operator(x))
    return Case(family, task, operator, x, z, y)


HAS = {family: make(family).operator.has for family in TASKS}
LINEAR = sorted(family for family in HAS if "linear" in HAS[family])
WITH_PINV = sorted(family for family in HAS if "pinv" in HAS[family])
WITH_SVD = sorted(family for family in HAS if "svd" in HAS[family])
NONLINEAR = sorted(set(HAS) - set(LINEAR))


@st.composite
def cases(draw: st.DrawFn, families: list[str]) -> Case:
    family = draw(st.sampled_from(families))
    factor = draw(st.sampled_from([2, 4, 8]))
    sizes = SIZES.get(family, [factor, 2 * factor, 3 * factor])
    # two pixels a side, oversampled twice, are still two
    sizes = [size for size in sizes if family != "phase" or size > 2]
    three = family == "colorize" or family in NONLINEAR
    return make(
        family,
        batch=draw(st.integers(1, 4)),
        size=draw(st.sampled_from(sizes)),
        channels=3 if three else draw(st.sampled_from([1, 3])),
        factor=factor,
        seed=draw(st.integers(0, 2**31)),
    )


many = settings(max_examples=60, deadline=None)


def dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1)


def dense(operator: Operator, row: int) -> Tensor:
    """The matrix of one row of the batch, (numel of y, numel of x)."""
    count = torch.Size(operator.signal_shape).numel()
    basis = torch.eye(count, dtype=torch.float64).reshape(count, *operator.signal_shape)
    return operator.rows(torch.full((count,), row))(basis).flatten(1).T


def test_every_family_is_tested() -> None:
    assert set(TASKS) | ELSEWHERE == set(families.names())


@pytest.mark.parametrize("family", sorted(TASKS))
def test_claims_are_consistent(family: str) -> None:
    has = HAS[family]
    assert has <= {"linear", "adjoint", "pinv", "svd", "mask"}
    assert ("adjoint" in has) == ("linear" in has)
    assert "pinv" in has or "svd" not in has


@many
@given(cases(LINEAR))
def test_linear_operators_superpose(case: Case) -> None:
    a = case.operator
    torch.testing.assert_close(a(2 * case.x - case.z), 2 * a(case.x) - a(case.z), **CLOSE)


@many
@given(cases(LINEAR))
def test_adjoint_is_the_transpose(case: Case) -> None:
    left, right = dot(case.operator(case.x), case.y), dot(case.x, case.operator.adjoint(case.y))
    torch.testing.assert_close(left, right, **CLOSE)


@many
@given(cases(LINEAR))
def test_adjoint_is_the_gradient(case: Case) -> None:
    _, pull = torch.func.vjp(case.operator, torch.zeros_like(case.x))
    torch.testing.assert_close(pull(case.y)[0], case.operator.adjoint(case.y), **CLOSE)


@many
@given(cases(WITH_PINV))
def test_pseudo_inverse_is_moore_penrose(case: Case) -> None:
    a, pinv = case.operator, case.operator.pinv
    torch.testing.assert_close(a(pinv(a(case.x))), a(case.x), **CLOSE)
    torch.testing.assert_close(pinv(a(pinv(case.y))), pinv(case.y), **CLOSE)
    torch.testing.assert_close(dot(pinv(a(case.x)), case.z), dot(case.x, pinv(a(case.z))), **CLOSE)
    other = a(case.z) + case.y
    torch.testing.assert_close(dot(a(pinv(case.y)), other), dot(case.y, a(pinv(other))), **CLOSE)


@many
@given(cases(WITH_SVD))
def test_svd_rebuilds_the_operator(case: Case) -> None:
    a, svd = case.operator, case.operator.svd
    torch.testing.assert_close(svd.U(svd.singulars * svd.Vt(case.x)), a(case.x), **CLOSE)
    torch.testing.assert_close(svd.V(svd.singulars * svd.Ut(case.y)), a.adjoint(case.y), **CLOSE)
    seen = (svd.singulars > 0).expand_as(case.x)
    inverted = torch.where(seen, svd.Ut(case.y) / svd.singulars.expand_as(case.x).clamp(min=1e-12), 0)
    torch.testing.assert_close(svd.V(inverted), a.pinv(case.y), **CLOSE)


@many
@given(cases(WITH_SVD))
def test_right_singular_vectors_are_orthonormal(case: Case) -> None:
    svd = case.operator.svd
    torch.testing.assert_close(svd.V(svd.Vt(case.x)), case.x, **CLOSE)
    torch.testing.assert_close(svd.Vt(svd.V(case.x)), case.x, **CLOSE)
    torch.testing.assert_close(dot(svd.Vt(case.x), svd.Vt(case.z)), dot(case.x, case.z), **CLOSE)


@many
@given(cases(WITH_SVD))
def test_unseen_directions_carry_nothing(case: Case) -> None:
    svd = case.operator.svd
    unseen = (svd.singulars == 0).expand_as(case.x).to(case.x)
    assert (svd.Ut(case.y) * unseen == 0).all()
    assert (svd.U(unseen * case.x) == 0).all()


@pytest.mark.parametrize("family", WITH_SVD)
def test_singular_values_are_those_of_the_matrix(family: str) -> None:
    case = make(family)
    singulars = case.operator.svd.singulars.expand_as(case.x)
    for row in range(2):
        matrix = dense(case.operator, row)
        expected = torch.linalg.svdvals(matrix)
        found = singulars[row].flatten().to(matrix).sort(descending=True).values[: len(expected)]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("family", LINEAR)
def test_matrix_agrees_with_adjoint_and_pseudo_inverse(family: str) -> None:
    case = make(family, size=8)
    matrix = dense(case.operator, 1)
    y = case.y[1].flatten()
    torch.testing.assert_close(case.operator.adjoint(case.y)[1].flatten(), matrix.T @ y, **CLOSE)
    if family in WITH_PINV:
        inverse = torch.linalg.pinv(matrix, rtol=1e-10)
        torch.testing.assert_close(case.operator.pinv(case.y)[1].flatten(), inverse @ y, **CLOSE)


@many
@given(cases(sorted(TASKS)), st.data())
def test_rows_may_be_taken_in_any_order_and_again(case: Case, data: st.DataObject) -> None:
    count = len(case.x)
    index = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=6)))
    part = case.operator.rows(index)
    torch.testing.assert_close(part(case.x[index]), case.operator(case.x)[index], **CLOSE)
    assert torch.equal(part.where_measured(case.y[index]), case.operator.where_measured(case.y)[index])
    if case.name in LINEAR:
        torch.testing.assert_close(part.adjoint(case.y[index]), case.operator.adjoint(case.y)[index], **CLOSE)
    if case.name in WITH_SVD:
        torch.testing.assert_close(part.svd.Ut(case.y[index]), case.operator.svd.Ut(case.y)[index], **CLOSE)


@pytest.mark.parametrize("family", sorted(TASKS))
def test_a_row_is_the_same_alone_in_8_and_in_512(family: str) -> None:
    case, many = make(family, batch=8, size=8 if family != "jpeg" else 16), torch.arange(512) % 8
    large = case.operator.rows(many)
    for count in (1, 8):
        few = case.operator.rows(torch.arange(count))
        torch.testing.assert_close(few(case.x[:count]), large(case.x[many])[:count], **CLOSE)
        if family in LINEAR:
            torch.testing.assert_close(few.adjoint(case.y[:count]), large.adjoint(case.y[many])[:count], **CLOSE)


@pytest.mark.parametrize("family", sorted(TASKS))
def test_parameters_are_all_that_rebuilds_it(family: str) -> None:
    case = make(family)
    stored = {name: value.float() for name, value in case.operator.parameters().items()}
    again = build(case.task, case.operator.signal_shape, stored)
    assert torch.equal(again(case.x), case.operator(case.x))


@pytest.mark.parametrize("family", sorted(TASKS))
def test_draws_depend_on_the_generator_alone(family: str) -> None:
    task, shape = {"operator": family, **TASKS[family]}, (3, 16, 16)
    first, again, other = (draw(task, shape, generator(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(value.dtype == torch.float32 and len(value) == 1 for value in first.values())
    assert not first or any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("family", sorted(TASKS))
def test_display_is_a_picture_of_the_signal(family: str) -> None:
    case = make(family)
    assert case.operator.display(case.operator(case.x)).shape == case.x.shape


@pytest.mark.parametrize("family", sorted(TASKS))
def test_single_precision_stays_single(family: str) -> None:
    case = make(family)
    single = case.operator.to(torch.float32)
    x, y = case.x.float() / 3, case.y.float()
    results = [single(x), single.display(single(x))]
    if family in LINEAR:
        results.append(single.adjoint(y))
    if family in WITH_PINV:
        results.append(single.pinv(y))
    if family in WITH_SVD:
        svd = single.svd
        results += [svd.Vt(x), svd.V(x), svd.U(x), svd.Ut(y)]
    assert {result.dtype for result in results} == {torch.float32}
    torch.testing.assert_close(single(x).double(), case.operator(case.x / 3), rtol=1e-4, atol=1e-4)


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
