# mypy: ignore-errors
"""Template: its cost, its agreement with the measurement, and its distance to the exact posterior.

Independence of a row from its batch, late starts and guidance are tested for every sampler in test_contract.py.
"""

from __future__ import annotations

from typing import Any

import torch

from posterity.certificates import panel
from posterity.commands.template.sampler import Template

SHAPE = (3, 4, 4)


def test_it_costs_its_steps_and_agrees_with_a_noiseless_measurement(bench: Any) -> None:
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.rand(1, *SHAPE, dtype=torch.float64))
    samples = bench.restore(Template(steps=20), bench.Network(SHAPE), operator, y, noise=bench.rows(bench.Draws, 5))
    assert (samples.cost.forwards, samples.cost.backwards) == (20, 0)
    torch.testing.assert_close(operator(samples.x), y.expand(5, -1, -1, -1))


def test_a_draw_has_the_moments_of_its_response_to_noise(bench: Any) -> None:
    """Check moments: with a Gaussian prior this method is affine in the noise; delete the test if yours is not."""
    prior, operator = bench.Gaussian(SHAPE, 0.1 * torch.eye(48)), bench.operators(SHAPE)["sr"]
    y = operator(0.3 * torch.ones(1, *SHAPE, dtype=torch.float64))

    def outcome(noise: Any) -> Any:
        return bench.restore(Template(steps=5), prior, operator, y, noise=noise).x.flatten(1)

    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=2000)


def test_the_exact_posterior_has_a_verdict_on_it() -> None:
    certificate = panel.certify("template", Template(steps=20), panel.case("gaussian", "inpaint", "quick"), "quick")
    assert certificate.verdict in ("exact", "open", "approximate"), certificate.reason
