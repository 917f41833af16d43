"""The loss of a learned variance has its least value at the variance of the exact reverse step."""

import pytest
import torch
from torch import Tensor, nn

from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.priors._variance import VarianceLoss
from posterity.priors.network import Network

SCHEDULE = Schedule.linear()
BARS = torch.tensor([SCHEDULE.alpha_bar(t) for t in range(1000)], dtype=torch.float64)
S = 0.02


class Exact(nn.Module):
    """The exact noise for pixels that are N(0, S²) each, and one fraction of the variance for every time."""

    def __init__(self) -> None:
        super().__init__()
        self.fraction = nn.Parameter(torch.zeros(1000))

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        a, rows = BARS[label.long()], (-1, 1, 1, 1)
        noise = ((1 - a).sqrt() / (a * S**2 + 1 - a)).float().view(rows) * x
        return (torch.cat([noise, self.fraction[label.long()].view(rows).expand_as(x)], dim=1),)


def test_a_learned_variance_becomes_that_of_the_exact_reverse_step() -> None:
    """Of normal data it is known: Var[x_(t-1) | x_t] = β̃ + g² Var[x0 | x_t], at these times between the bounds."""
    times, loss, network = [2, 5, 10], VarianceLoss(SCHEDULE), Exact()
    prior = Network(Exact(), SCHEDULE, (3, 8, 8), learned_variance=True)
    optimiser, random = torch.optim.Adam(network.parameters(), lr=0.05), torch.Generator().manual_seed(0)
    t = torch.tensor(times).repeat_interleave(32)
    a = BARS[t].view(-1, 1, 1, 1)
    for _ in range(300):
        x0 = S * torch.randn(len(t), 3, 8, 8, generator=random, dtype=torch.float64)
        x_t = a.sqrt() * x0 + (1 - a).sqrt() * torch.randn(x0.shape, generator=random, dtype=torch.float64)
        noise, fraction = network(x_t.float(), t)[0].chunk(2, dim=1)
        optimiser.zero_grad()
        loss(t, ((x_t - (1 - a).sqrt() * noise) / a.sqrt() - x0).float(), fraction).backward()
        optimiser.step()
    prior.network.load_state_dict(network.state_dict())
    now, before = BARS[times], BARS[[k - 1 for k in times]]
    beta = 1 - now / before
    tilde = beta * (1 - before) / (1 - now)
    exact = tilde + (before.sqrt() * beta / (1 - now)) ** 2 * S**2 * (1 - now) / (now * S**2 + 1 - now)
    found = []
    for k, high, low in zip(times, beta.tolist(), tilde.tolist(), strict=True):
        step = PosteriorStep.between(SCHEDULE.level(k), SCHEDULE.level(k - 1))
        assert (step.beta, step.variance) == pytest.approx((high, low))
        std = step.std(prior.predict(x0[:1], SCHEDULE.level(k)).share)
        assert isinstance(std, Tensor)
        found.append(std.double().square().mean())
    shares = [((v.log() - tilde.log()) / (beta.log() - tilde.log())) for v in (torch.stack(found), exact)]
    assert shares[1].min() < 0.2 and shares[1].max() > 0.5, "the test says nothing at the bounds"
    torch.testing.assert_close(*shares, atol=0.03, rtol=0)


def test_no_gradient_reaches_the_mean_nor_the_step_that_draws_nothing() -> None:
    fraction, error = (torch.zeros(2, 3, 8, 8).requires_grad_() for _ in range(2))
    VarianceLoss(SCHEDULE)(torch.tensor([0, 7]), error + 1, fraction).backward()
    assert error.grad is None and fraction.grad is not None
    assert fraction.grad[0].abs().max() == 0 < fraction.grad[1].abs().min()
