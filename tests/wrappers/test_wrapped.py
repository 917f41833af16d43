"""What every wrapper owes: it is found by its file, used like a sampler, and refuses what has no place for it."""

import json
from dataclasses import replace

import pytest
import torch

from posterity import samplers, wrappers
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.composed import Composed
from posterity.operators.masks import Inpainting
from posterity.priors.kernel import Kernel
from posterity.samplers.base import Problem, Sampler
from posterity.samplers.ddnm import DDNM
from posterity.samplers.ddrm import DDRM
from posterity.samplers.exact import Exact
from posterity.samplers.severity import Severity
from posterity.wrappers.base import Wrapped
from posterity.wrappers.coupled_noise import CoupledNoise
from posterity.wrappers.diversity import Diversity

SETTINGS = {"diversity": {"eta": 0.8}, "coupled_noise": {}, "flash": {"severity": "own"}}


@pytest.fixture(scope="module")
def problem():
    """Ten restorations of one image, whose right half is hidden."""
    images = 2 * torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    images[:, :, :, :2] = images[:1, :, :, :2]
    keep = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    keep[..., 2:] = 0
    prior = Kernel(images, torch.ones(6), 0.1)
    y = (keep * images[:1]).repeat(10, 1, 1, 1)
    own = {"own": Severity(y, torch.full((10,), 0.4, dtype=torch.float64))}
    return Problem(prior, Inpainting(keep, (1, 4, 4)), y, 0.05, torch.zeros(10), severities=own)


def noise():
    return Noise(3, ["a"] * 10, range(10))


def test_wrappers_are_found_by_their_files_and_describe_themselves():
    described = json.loads(json.dumps(wrappers.schema()))
    assert list(described) == wrappers.names() == ["coupled_noise", "diversity", "flash"]
    assert described["diversity"]["needs"] == ["guidable"] and described["coupled_noise"]["needs"] == []
    assert described["flash"]["needs"] == ["begins_late"]
    for entry in described.values():
        assert entry["doc"].endswith(".") and entry["settings"]["additionalProperties"] is False
        assert all("description" in field for field in entry["settings"]["properties"].values())
    with pytest.raises(PosterityError, match="wrapper 'base' does not exist; choose one of coupled_noise"):
        wrappers.find("base")


@pytest.mark.parametrize("name", wrappers.names())
def test_a_wrapped_sampler_is_used_like_a_sampler(problem, name):
    plain = DDNM(steps=10)
    wrapped = Wrapped(plain, (wrappers.find(name)(**SETTINGS[name]),))
    seen = []
    drawn = wrapped.sample(problem, noise(), watch=lambda step, steps, x0: seen.append((step, steps)))
    alone = plain.sample(problem, noise())
    assert drawn.x.shape == alone.x.shape and (drawn.x - alone.x).abs().max() > 1e-3
    calls = 2 if name == "flash" else 10
    assert (drawn.cost.forwards, drawn.cost.backwards, alone.cost.forwards) == (calls, 0, 10)
    assert seen == [(k, calls) for k in range(calls)]
    assert wrapped.times(problem.schedule) == plain.times(problem.schedule)
    late = wrapped.sample(problem, noise(), start=(500, torch.zeros(10, 1, 4, 4, dtype=torch.float64)))
    assert late.cost.forwards < 10 and problem.guidance is None


def test_a_sampler_without_wrappers_is_the_sampler(problem):
    assert torch.equal(Wrapped(DDRM()).sample(problem, noise()).x, DDRM().sample(problem, noise()).x)
    assert not Wrapped(DDRM()).couples and Wrapped(DDRM(), (CoupledNoise(),)).couples


def test_what_a_wrapped_sampler_says_is_said_by_what_is_inside():
    inside = samplers.find("dps")()
    wrapped = Wrapped(inside, (CoupledNoise(),))
    for name in ("needs", "guidable", "begins_late", "follows"):
        assert getattr(wrapped, name) == getattr(inside, name)
    assert (Sampler.needs, Sampler.couples) == (frozenset(), False)


def test_two_wrappers_do_both(problem):
    both = Wrapped(DDNM(steps=10), (Diversity(eta=0.8), CoupledNoise())).sample(problem, noise()).x
    other = Wrapped(DDNM(steps=10), (CoupledNoise(), Diversity(eta=0.8))).sample(problem, noise()).x
    assert torch.equal(both, other)
    for one in (Diversity(eta=0.8), CoupledNoise()):
        assert not torch.equal(both, Wrapped(DDNM(steps=10), (one,)).sample(problem, noise()).x)


@pytest.mark.parametrize(
    ("sampler", "around", "told"),
    [
        (
            Exact(),
            (Diversity(eta=1),),
            "wrapper diversity: sampler exact has no clean prediction to move",
        ),
        (DDRM(), (CoupledNoise(), CoupledNoise(group=2)), "wrapper coupled_noise: goes around sampler ddrm twice"),
    ],
)
def test_what_has_no_place_is_refused(sampler, around, told):
    with pytest.raises(PosterityError, match=told):
        Wrapped(sampler, around)


def test_an_operator_that_the_sampler_cannot_use_is_refused_through_the_wrapper(problem):
    composed = replace(problem, operator=Composed(problem.operator, lambda x: x, (1, 4, 4)))
    with pytest.raises(PosterityError, match="sampler ddrm: needs svd"):
        Wrapped(DDRM(), (CoupledNoise(),)).sample(composed, noise())
