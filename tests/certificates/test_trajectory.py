"""Both gates of what is said of the way: states of the exact law pass, states that stray in a known way do not."""

import math

import pytest
import torch

from posterity.certificates import panel
from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, draw
from posterity.certificates.statistics import trajectory
from posterity.certificates.tiers import TIERS
from posterity.samplers.base import Sampler
from posterity.samplers.exact import Exact
from posterity.samplers.reddiff import REDDiff

STEPS = 60


class Path(Sampler):
    """Asks the prior at exact states √ᾱ x + √(1 - ᾱ) z of exact draws x, or where ``stray`` moves them to."""

    follows = True

    def __init__(self, exact, stray=lambda x, z, a: math.sqrt(a) * x + math.sqrt(1 - a) * z):
        self.exact, self.stray = exact, stray

    def run(self, problem, noise):
        x = self.exact.draw(len(problem), "path")[0]
        for step, level in enumerate(problem.schedule.grid(STEPS, "strided")):
            z = noise.normal("step", step).flatten(1)
            problem.predict(self.stray(x, z, level.alpha_bar).unflatten(1, problem.shape), level)
        return x.unflatten(1, problem.shape)


@pytest.fixture(scope="module")
def problem():
    return panel.case("mixture", "inpaint_noisy", "quick")


def found(problem, sampler):
    pools, _ = draw(Exact(), problem.deep[0], 2, 0, (0,))
    evidence = Evidence(sampler, problem, TIERS["quick"], 0, None, (pools,))
    return {f.part: f for f in trajectory.examine(evidence)}


@pytest.fixture(scope="module")
def exact(problem):
    assert isinstance(problem.deep[0].exact, Conditional)
    return problem.deep[0].exact


def test_noise_makes_of_the_posterior_the_law_that_draws_have(exact):
    a = 0.3
    law = exact.noised(a)
    z = torch.randn(1, 20000, exact.means.shape[2], dtype=torch.float64)
    x = math.sqrt(a) * exact.draw(20000, "noised") + math.sqrt(1 - a) * z
    x, law_mean = x[0], law.mean[0]
    assert torch.allclose(x.mean(0), law_mean, atol=0.03)
    assert torch.allclose(torch.cov(x.T), law.covariances[0], atol=0.03)
    assert torch.allclose(law.responsibilities(x[None])[0].mean(0), exact.weights[0], atol=0.02)
    assert torch.equal(law.weights, exact.weights)


def test_states_of_the_exact_law_pass(problem, exact):
    findings = found(problem, Path(exact))
    assert not any(f.decides for f in findings.values())
    spread = findings["spread"]
    # the worst of twelve levels, whose errors are alike
    assert abs(spread.value - 1) < 4 * spread.error
    for part in ("mean", "modes"):
        assert findings[part].value < max(2 * findings[part].floor, 3 * findings[part].error), part
    assert findings["commitment"].value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("part", "stray", "wrong"),
    [
        ("spread", lambda x, z, a: math.sqrt(a) * x + math.sqrt((1 - a) / 2) * z, lambda f: f.value < 0.75),
        ("mean", lambda x, z, a: math.sqrt(a) * (x + 0.3) + math.sqrt(1 - a) * z, lambda f: f.value > 4 * f.floor),
        ("commitment", lambda x, z, a: 3 * math.sqrt(a) * x + math.sqrt(1 - a) * z, lambda f: f.value > 1.2),
    ],
)
def test_states_that_stray_do_not(problem, exact, part, stray, wrong):
    assert wrong(found(problem, Path(exact, stray))[part])


def test_a_mode_that_paths_leave_out_shows(problem, exact):
    skewed = exact.noised(1.0)
    skewed.log_weights = (4 * exact.log_weights).log_softmax(1)
    modes = found(problem, Path(skewed))["modes"]
    assert modes.value > 2 * modes.floor + 2 * modes.error


def test_samplers_that_go_another_way_are_not_asked(problem):
    (finding,) = found(problem, REDDiff(steps=10)).values()
    assert finding.value is None and "not meant to follow" in finding.note
