"""The blockwise kernel prior: against the dense mixture of all its combinations."""

import itertools

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.base import Operator
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.superresolution import BicubicSR
from posterity.priors.base import NoClosedForm
from posterity.priors.blocks import Blocks
from posterity.priors.kernel import Kernel
from posterity.priors.mixture import Mixture

SHAPE = (3, 4, 4)
GROUPS = torch.tensor([3, 7, 3, 7, 3])
WEIGHTS = torch.tensor([0.1, 0.3, 0.2, 0.15, 0.25], dtype=torch.float64)


def regions() -> Tensor:
    which = torch.tensor([[0, 0, 2, 2], [0, 0, 2, 2], [2, 1, 1, 1], [2, 1, 1, 1]])
    return torch.stack([which == r for r in range(3)])


def images() -> Tensor:
    x = 0.5 * torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    x[4, :, regions()[1]] = x[0, :, regions()[1]]  # item 4 has the mouth of item 0, of the same group,
    x[3, :, regions()[1]] = x[0, :, regions()[1]]  # and so has item 3, of the other
    return x


@pytest.fixture(scope="module")
def enumerated() -> tuple[Mixture, Tensor]:
    """All combinations as one mixture, and the item that each region's content comes from."""
    weights, means, origin = [], [], []
    for group in (3, 7):
        members = (group == GROUPS).nonzero()[:, 0].tolist()
        total = WEIGHTS[members].sum()
        for combination in itertools.product(members, repeat=3):
            parts = torch.stack([images()[k] for k in combination])
            weights.append(total * torch.stack([WEIGHTS[k] / total for k in combination]).prod())
            means.append((parts * regions()[:, None]).sum(0))
            origin.append([combination[0], 0 if combination[1] in (3, 4) else combination[1], combination[2]])
    return Mixture(torch.stack(weights), torch.stack(means), 0.2**2), torch.tensor(origin)


def blocks() -> Blocks:
    return Blocks(images(), WEIGHTS, 0.2, GROUPS, regions())


def masks() -> Tensor:
    keep = (~regions()[[1, 0, 2]]).double()
    keep[2, 0, :2] = 0  # the third row hides the rest and a part of the eyes
    return keep[:, None]


OPERATORS = {"masks": Inpainting(masks(), SHAPE), "grey": Colorization(SHAPE), "noisy": Denoising(SHAPE)}


@pytest.mark.parametrize("t", [0, 200, 999])
def test_denoiser_and_its_gradient(enumerated: tuple[Mixture, Tensor], t: int) -> None:
    x = torch.randn(3, *SHAPE, dtype=torch.float64, requires_grad=True)
    level = blocks().schedule.level(t)
    fast, slow = blocks().predict(x, level).x0, enumerated[0].predict(x, level).x0
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    gradients = [torch.autograd.grad(out.square().sum(), x)[0] for out in (fast, slow)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
@pytest.mark.parametrize("name", OPERATORS)
def test_posterior_is_that_of_all_combinations(enumerated: tuple[Mixture, Tensor], name: str, sigma_y: float) -> None:
    mixture, origin = enumerated
    operator: Operator = OPERATORS[name]
    y = operator(images()[[0, 1, 2]])
    y = y + 0.1 * operator.where_measured(y) * torch.randn_like(y)
    fast, slow = blocks().posterior(operator, y, sigma_y), mixture.posterior(operator, y, sigma_y)
    torch.testing.assert_close(fast.log_evidence, slow.log_evidence, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(fast.mean, slow.mean, rtol=0, atol=1e-9)
    hidden = torch.tensor([1, 0, 2] if name == "masks" else [0, 0, 0])
    x = fast.sample(Noise(0, list("abc"), [0, 0, 0]))
    modes = fast.mode_of(x)
    for row, region in enumerate(hidden):
        content = origin[:, region]
        expected = torch.zeros(5).double().index_add(0, content, slow.mode_probabilities[row])
        torch.testing.assert_close(fast.mode_probabilities[row], expected, rtol=0, atol=1e-9)
        gains = next(g for rows, g in zip(slow._rows, slow._gains, strict=True) if row in rows)
        density = gains.posterior.log_density((x[row].flatten() - slow._means[row])[None])[0]
        shares = torch.zeros(5).double().index_add(0, content, (slow._log_weights[row] + density).softmax(0))
        assert modes[row] == shares.argmax()


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
def test_samples_show_the_modes_as_often_as_they_are_probable(sigma_y: float) -> None:
    count = 2000
    prior = Blocks(images(), WEIGHTS, 0.01, GROUPS, regions())
    operator = Inpainting(masks()[:1], SHAPE)
    # Between the two groups: the visible pixels of items 0 and 1 are equally far.
    y = operator(images()[[0, 1]].mean(0, keepdim=True)).expand(count, -1, -1, -1)
    exact = prior.posterior(operator, y, sigma_y)
    x = exact.sample(Noise(1, ["a"] * count, range(count)))
    shares = torch.bincount(exact.mode_of(x), minlength=5) / count
    error = 5 * (exact.mode_probabilities[0] / count).sqrt() + 1e-6
    assert ((shares - exact.mode_probabilities[0]).abs() < error).all()
    mean_error = (x.mean(0) - exact.mean[0]).abs() / (x.std(0) / count**0.5 + 1e-9)
    assert mean_error.max() < 5


def test_a_hidden_mouth_comes_from_the_visible_group() -> None:
    operator = Inpainting(masks()[:1], SHAPE)
    prior = Blocks(images(), WEIGHTS, 0.01, GROUPS, regions())
    exact = prior.posterior(operator, operator(images()[[2]]), 0.0)
    # Group 3 has the items 0, 2, 4; 0 and 4 have one mouth.
    expected = torch.tensor([[0.35, 0, 0.2, 0, 0]], dtype=torch.float64) / 0.55
    torch.testing.assert_close(exact.mode_probabilities, expected, rtol=0, atol=1e-9)


def test_one_region_and_one_group_is_the_kernel_prior() -> None:
    whole = Blocks(images(), WEIGHTS, 0.2, torch.zeros(5, dtype=torch.long), torch.ones(1, 4, 4, dtype=torch.bool))
    kernel = Kernel(images(), WEIGHTS, 0.2)
    operator = BicubicSR(2, SHAPE)
    y = operator(images()[:2])
    one, two = (p.posterior(operator, y, 0.1) for p in (whole, kernel))
    torch.testing.assert_close(one.mode_probabilities, two.mode_probabilities)
    torch.testing.assert_close(one.mean, two.mean)


def test_superresolution_has_no_closed_form() -> None:
    operator = BicubicSR(2, SHAPE)
    with pytest.raises(NoClosedForm, match="BicubicSR mixes pixels across the blocks"):
        blocks().posterior(operator, operator(images()), 0.1)


def test_regions_must_be_a_partition() -> None:
    with pytest.raises(ValueError, match="exactly once"):
        Blocks(images(), WEIGHTS, 0.2, GROUPS, regions()[:2])
