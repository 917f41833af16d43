"""Gradients of the operators that are not linear, and what each keeps: clipping, phase, non-uniform blur."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators.base import Operator
from posterity.operators.build import build, draw
from posterity.operators.hdr import Clipping
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.spatial_blur import bezier_kernel

SHAPE = (3, 32, 32)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def picture(size: int = 32, seed: int = 0) -> Tensor:
    """A smooth background with a bright disc, (1, 3, size, size) within (-1, 1)."""
    low = torch.nn.functional.interpolate(noise(1, 3, 4, 4, seed=seed), size=size, mode="bicubic")
    i = torch.arange(size) - size / 2
    disc = (i[:, None] ** 2 + i**2 < (size / 4) ** 2).double()
    return torch.tanh(0.4 * low + 0.8 * disc)


def operator(family: str, seed: int = 0, **task: object) -> Operator:
    task["operator"] = family
    return build(task, SHAPE, draw(task, SHAPE, generator(seed)))


@pytest.mark.parametrize(
    ("family", "task"),
    [
        ("hdr", {"factor": 2}),
        ("phase", {"oversampling": 2}),
        ("spatial_blur", {}),
        ("jpeg", {"quality": 20}),
    ],
)
def test_gradient_is_the_slope(family: str, task: dict[str, object]) -> None:
    a, x, step = operator(family, **task), 0.8 * picture(), 1e-6
    for seed in (1, 2, 3):
        direction = noise(1, *SHAPE, seed=seed)
        y, pull = torch.func.vjp(a, x)
        weight = noise(*y.shape, seed=seed + 10)
        slope = ((a(x + step * direction) - a(x - step * direction)) * weight).sum() / (2 * step)
        assert (pull(weight)[0] * direction).sum().item() == pytest.approx(slope.item(), rel=1e-4)


@pytest.mark.parametrize(("family", "task"), [("hdr", {"factor": 2}), ("spatial_blur", {}), ("jpeg", {"quality": 20})])
def test_they_do_not_superpose(family: str, task: dict[str, object]) -> None:
    a, x, z = operator(family, **task), picture(seed=1) / 2, picture(seed=2) / 2
    assert (a(x + z) - a(x) - a(z)).abs().mean() > 1e-3


def test_clipping_passes_the_gradient_of_the_middle_alone() -> None:
    x = noise(1, *SHAPE).clamp(-1, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(Clipping(2, SHAPE)(x).sum(), x)
    assert torch.equal(gradient, 2.0 * (x.abs() < 0.5))


def test_clipping_is_undone_where_nothing_was_clipped() -> None:
    y = torch.linspace(-1, 1, 3 * 32 * 32, dtype=torch.float64).reshape(1, *SHAPE)
    a = Clipping(2, SHAPE)
    torch.testing.assert_close(a(a.display(y)), y, rtol=0, atol=0)


def test_phase_pads_to_384_and_keeps_the_energy() -> None:
    u = torch.rand(1, 3, 256, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = PhaseRetrieval(2, (3, 256, 256))(2 * u - 1)
    assert y.shape == (1, 3, 384, 384)
    assert (y**2).sum().item() == pytest.approx((u**2).sum().item(), rel=1e-9)
    assert 80 < y.max() < 90
    # The constant part stands in the centre.
    assert y[0, 0].argmax() == 192 * 384 + 192


def test_phase_cannot_tell_half_turns_of_any_channel() -> None:
    a, x = PhaseRetrieval(2, SHAPE), picture()
    torch.testing.assert_close(a(x.flip(-1, -2)), a(x), rtol=0, atol=1e-5)
    one = torch.cat([x[:, :1].flip(-1, -2), x[:, 1:]], dim=1)
    torch.testing.assert_close(a(one), a(x), rtol=0, atol=1e-5)
    assert (a(x.flip(-1)) - a(x)).abs().max() > 0.1


def test_phase_cannot_tell_shifts_of_a_small_object() -> None:
    a, x = PhaseRetrieval(2, SHAPE), -torch.ones(1, *SHAPE, dtype=torch.float64)
    x[..., 10:20, 12:22] = noise(1, 3, 10, 10)
    torch.testing.assert_close(a(x.roll((5, -7), (-2, -1))), a(x), rtol=0, atol=1e-5)


def test_phase_has_a_gradient_at_zero() -> None:
    x = -torch.ones(1, *SHAPE, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(PhaseRetrieval(2, SHAPE)(x).sum(), x)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("level", [-0.9, 0.0, 0.7, 1.0])
def test_spatial_blur_keeps_constants(level: float) -> None:
    x = torch.full((1, *SHAPE), level, dtype=torch.float64)
    torch.testing.assert_close(operator("spatial_blur")(x), x, rtol=0, atol=1e-6)


def test_spatial_blur_depends_on_its_code_and_keeps_the_light() -> None:
    x = picture()
    y, z = operator("spatial_blur", 0)(x), operator("spatial_blur", 1)(x)
    assert (y - z).abs().mean() > 0.01
    assert (y - x).abs().mean() > 0.01
    light = [((v + 1) / 2).pow(2.2).mean().item() for v in (x, y)]
    assert light[1] == pytest.approx(light[0], rel=0.05)


def test_spatial_blur_differs_from_place_to_place() -> None:
    a = operator("spatial_blur")
    points = -torch.ones(2, *SHAPE, dtype=torch.float64)
    points[0, :, 10, 10] = points[1, :, 22, 22] = 1
    spread = a(points)
    near = spread[0, 0, 4:17, 4:17] - spread[1, 0, 16:29, 16:29]
    assert near.abs().max() > 0.02


def test_bezier_kernels_are_short_paths() -> None:
    kernels = [bezier_kernel(generator(seed)) for seed in range(50)]
    assert all((k >= 0).all() and abs(k.sum() - 1) < 1e-12 for k in kernels)
    used = [(k > 1e-3).sum() for k in kernels]
    assert min(used) >= 8
    assert max(used) <= 70
