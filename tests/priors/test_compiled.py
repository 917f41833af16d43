"""A network that torch has compiled answers as before, with and without a gradient, for batches of several sizes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors.base import Prior
from posterity.priors.network import Network


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SHAPE = (3, 8, 8)


class Tiny(torch.nn.Module):
    """Small, because a processor takes minutes to compile a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 3, 3, padding=1)
        self.norm = torch.nn.GroupNorm(2, 8)
        rng = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(0.3 * torch.randn(p.shape, generator=rng))

    def forward(self, x: Tensor, label: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        assert not return_dict
        wave = torch.sin(label[:, None, None, None] / 100)
        return (self.leave(torch.nn.functional.silu(self.norm(self.enter(x)) + wave)),)


def network() -> torch.nn.Module:
    return Tiny().to(memory_format=torch.channels_last)


@pytest.mark.slow
def test_compiled_networks_answer_as_before() -> None:
    plain, compiled = (Network(network(), Schedule.linear(), SHAPE, compiled=c) for c in (False, True))
    assert compiled.network._compiled_call_impl is not None
    for rows in (4, 2):
        x = torch.randn(rows, *SHAPE, generator=torch.Generator().manual_seed(rows))
        for t in (900, 20):
            with torch.no_grad():
                torch.testing.assert_close(
                    denoised(compiled, x, t),
                    denoised(plain, x, t),
                    rtol=1e-4,
                    atol=1e-4,
                )
            gradients = []
            for prior in (plain, compiled):
                x_t = x.clone().requires_grad_(True)
                gradients += torch.autograd.grad(denoised(prior, x_t, t).square().sum(), x_t)
            torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)


def test_what_cannot_be_compiled_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("/nowhere/g++",))
    monkeypatch.setattr(config, "fx_graph_cache", False)  # else it needs no compiler
    torch.compiler.reset()
    prior = Network(network(), Schedule.linear(), SHAPE, compiled=True)
    with (
        torch.no_grad(),
        pytest.raises(PosterityError, match=r"torch cannot compile the network here .*leave `compile` out"),
    ):
        denoised(prior, torch.randn(1, *SHAPE), 10)
