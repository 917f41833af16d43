"""The state-space layer: its convolution is the recurrence, it is stable, and each kernel sees its side of time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posterity.priors.networks._s4d import S4D


def layer(width: int = 3, states: int = 4, spread: float = 0.0) -> S4D:
    """A layer whose parameters differ from fresh ones by normal numbers with this standard deviation."""
    torch.manual_seed(0)
    made = S4D(width, states)
    for p in made.parameters():
        p.data += spread * torch.randn(p.shape)
    return made


def signal(width: int, time: int) -> Tensor:
    return torch.randn(2, width, time, generator=torch.Generator().manual_seed(1))


def simulated(made: S4D, u: Tensor, direction: int) -> Tensor:
    """Run x' = Λx + u, y = 2 Re(C x) sample by sample, its input held for each Δt."""
    rate = torch.complex(-made.log_decay[direction].double().exp(), made.frequency[direction].double())
    turn = torch.exp(made.log_step[direction].double().exp()[:, None] * rate)
    out = torch.complex(*made.out[direction].double().chunk(2, -1))
    x, y = torch.zeros(len(u), *rate.shape, dtype=torch.complex128), torch.zeros_like(u, dtype=torch.float64)
    for k in range(u.shape[-1]):
        x = turn * x + (turn - 1) / rate * u[..., k, None]
        y[..., k] = 2 * (out * x).sum(-1).real
    return y


@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("time", [32, 17, 2, 1])
def test_the_convolution_is_the_recurrence_in_both_directions(time: int, spread: float) -> None:
    made, u = layer(spread=spread), signal(3, time)
    with torch.no_grad():
        ahead = simulated(made, u.flip(-1), 1).flip(-1)
        # at each time, the future's system has not seen the present
        later = torch.nn.functional.pad(ahead[..., 1:], (0, 1))
        wanted = simulated(made, u, 0) + later + made.through[:, None] * u
        torch.testing.assert_close(made(u).double(), wanted, rtol=1e-5, atol=1e-5)


def test_kernels_are_long_powers() -> None:
    """At a thousand samples, where an error of the exponent would be largest."""
    made = layer(2, 32)
    with torch.no_grad():
        found, (step, weight) = made.kernels(1000), (part.to(torch.complex128) for part in made.discrete())
        powers = torch.exp(step[..., None] * torch.arange(1000))
        wanted = 2 * (weight[..., None] * powers).sum(-2).real
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))


def test_any_weights_are_stable() -> None:
    made = layer(50, 32, spread=3.0)
    step, _ = made.discrete()
    assert step.real.max() < 0
    kernels = made.kernels(2048)
    assert kernels.isfinite().all()


@pytest.mark.parametrize("direction", [0, 1])
def test_each_kernel_sees_its_side_of_time(direction: int) -> None:
    made, u = layer(), signal(3, 40).requires_grad_()
    made.out.data[1 - direction] = 0
    made.through.data.zero_()
    (seen,) = torch.autograd.grad(made(u)[..., 20].sum(), u)
    here = seen.abs().sum((0, 1)) > 1e-4
    assert here.tolist() == [k <= 20 if direction == 0 else k > 20 for k in range(40)]


def test_autocast_does_not_reach_it() -> None:
    made, u = layer(), signal(3, 64)
    with torch.no_grad():
        wanted = made(u)
        with torch.autocast("cpu", torch.bfloat16):
            found = made(u)
    assert found.dtype == torch.float32 and torch.equal(found, wanted)
