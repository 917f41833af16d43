"""From settings to a prior, and the one-line answers to wrong settings."""

from typing import Any

import pytest
import torch

from posterity.errors import PosterityError
from posterity.priors import build
from posterity.priors._settings import groups
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.base import Prior
from posterity.priors.blocks import Blocks
from posterity.priors.kernel import Kernel
from posterity.priors.latent import Latent
from posterity.priors.stationary import StationaryGaussian

SHAPE = (3, 8, 8)
MOUTH, EYES = torch.zeros(2, 8, 8)
MOUTH[5:7, 2:6], EYES[2:4, 2:6] = 1, 1
LABELS = [
    {"item": str(k), "name": "", "group": "", "split": "test" if k == 5 else "prior", "attributes": ["hat"] * (k < 2)}
    for k in range(6)
]


def make(**settings: Any) -> Prior:
    images = 2 * torch.rand(6, *SHAPE) - 1
    return build(settings, images, LABELS, {"eyes": EYES, "mouth": MOUTH}, SHAPE)


def test_kernel_of_a_split() -> None:
    prior = make(kind="kernel", name="kernel", bandwidth=0.2, split="prior")
    assert isinstance(prior, Kernel)
    assert prior.bandwidth == 0.2
    assert prior.blocks[0].ids.tolist() == [0, 1, 2, 3, 4]


def test_attribute_weights() -> None:
    prior = make(kind="kernel", weights={"attribute": "hat", "share": 0.1})
    expected = torch.tensor([[0.05, 0.05, 0.225, 0.225, 0.225, 0.225]], dtype=torch.float64)
    torch.testing.assert_close(prior.blocks[0].log_weights.exp(), expected)


def test_blocks_have_the_rest_as_a_region() -> None:
    prior = make(kind="blocks", regions=["eyes", "mouth"], groups="colour")
    assert isinstance(prior, Blocks)
    assert [len(block.index) for block in prior.blocks] == [24, 24, 144]


def test_regions_given_as_images_in_minus_one_to_one() -> None:
    settings = {"kind": "blocks", "regions": ["mouth"]}
    prior = build(settings, torch.rand(6, *SHAPE), LABELS, {"mouth": 2 * MOUTH - 1}, SHAPE)
    assert [len(block.index) for block in prior.blocks] == [24, 168]


def test_gaussian() -> None:
    assert isinstance(make(kind="gaussian"), StationaryGaussian)


def test_colour_groups_ignore_features_and_shading() -> None:
    yellow, red = torch.tensor([0.98, 0.83, -0.66]), torch.tensor([0.84, -0.3, -0.44])
    faces = torch.stack([yellow, red, yellow + 0.05, red])[:, :, None, None].repeat(1, 1, 32, 32)
    faces[:, :, 8:12, 8:12] = -1  # an eye
    assert groups("colour", faces).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "magic"}, ["'magic'", "blocks, conditional, gaussian, kernel"]),
        ({"kind": "kernel", "regions": ["eyes"]}, ["'regions'", "'bandwidth'"]),
        ({"kind": "kernel", "bandwidth": -0.1}, ["bandwidth -0.1", "positive"]),
        ({"kind": "kernel", "split": "train"}, ["'train'", "'prior', 'test'"]),
        ({"kind": "kernel", "weights": {"attribute": "wig", "share": 0.5}}, ["'wig'", "hat"]),
        ({"kind": "kernel", "weights": {"attribute": "hat", "share": 2}}, ["share 2"]),
        ({"kind": "kernel", "weights": "rare"}, ["'rare'", "'uniform'"]),
        ({"kind": "blocks", "regions": ["nose"]}, ["'nose'", "eyes, mouth"]),
        ({"kind": "blocks"}, ["'regions'", "missing"]),
        ({"kind": "blocks", "regions": ["eyes", "eyes"]}, ["'eyes'", "no pixel"]),
        ({"kind": "blocks", "regions": ["eyes"], "groups": "size"}, ["'size'", "'colour'"]),
    ],
)
def test_mistakes_are_told_in_one_line(settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PosterityError) as raised:
        make(**settings)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_images_of_another_shape() -> None:
    with pytest.raises(PosterityError, match="shape"):
        build({"kind": "kernel"}, torch.rand(6, *SHAPE), LABELS, {}, (3, 16, 16))


PATCHES = {"kind": "patch_pca", "patch": 2, "components": 4}


def test_a_latent_kernel_is_of_the_states_of_an_autoencoder_fitted_to_what_it_knows() -> None:
    """The images of the other split change neither the autoencoder nor the states; their numbers stay."""
    images = 2 * torch.rand(6, *SHAPE, dtype=torch.float64) - 1
    settings = {"kind": "kernel", "bandwidth": 0.2, "split": "prior", "autoencoder": PATCHES}
    prior = build(settings, images, LABELS, {}, SHAPE)
    expected = PatchPCA.fit(images[:5], 2, 4)
    assert isinstance(prior, Latent) and isinstance(prior.prior, Kernel)
    assert (prior.state_shape, prior.signal_shape, prior.bounds) == ((4, 4, 4), SHAPE, None)
    assert torch.equal(prior.encode(images), expected.encode(images))
    block = prior.prior.blocks[0]
    assert block.ids.tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(block.contents + block.centre, expected.encode(images[:5]).flatten(1))
    again = build(settings, torch.cat([images[:5], images[:1]]), LABELS, {}, SHAPE)
    assert torch.equal(again.encode(images), prior.encode(images))
    assert not torch.equal(
        build(settings | {"split": "all"}, images, LABELS, {}, SHAPE).encode(images), prior.encode(images)
    )


def test_a_mirrored_latent_kernel_knows_the_states_of_mirror_images() -> None:
    images = 2 * torch.rand(6, *SHAPE, dtype=torch.float64) - 1
    prior = build({"kind": "kernel", "mirror": True, "autoencoder": PATCHES}, images, LABELS, {}, SHAPE)
    assert isinstance(prior, Latent) and isinstance(prior.prior, Kernel)
    contents = prior.prior.blocks[0].contents + prior.prior.blocks[0].centre
    torch.testing.assert_close(contents[6:], prior.encode(images.flip(-1)).flatten(1))


@pytest.mark.parametrize("covariance", ["dense", "stationary"])
def test_a_latent_gaussian_has_the_moments_of_the_states(covariance: str) -> None:
    images = 2 * torch.rand(6, *SHAPE, dtype=torch.float64) - 1
    prior = build({"kind": "gaussian", "covariance": covariance, "autoencoder": PATCHES}, images, LABELS, {}, SHAPE)
    assert isinstance(prior, Latent)
    states = prior.encode(images)
    wanted = states.mean(0) if covariance == "dense" else states.mean((0, 2, 3), keepdim=True)[0].expand(4, 4, 4)
    torch.testing.assert_close(prior.prior.mean, wanted)


@pytest.mark.parametrize(
    ("autoencoder", "told"),
    [
        ({"kind": "vae"}, "autoencoder kind 'vae' is none of 'patch_pca'"),
        (PATCHES | {"patch": 3}, "patches of 3 × 3 do not tile signals of shape \\(3, 8, 8\\)"),
        (PATCHES | {"components": 13}, "13 components: 96 patches of 12 numbers vary in 12 directions"),
    ],
)
def test_an_autoencoder_that_the_images_cannot_have(autoencoder: dict[str, Any], told: str) -> None:
    with pytest.raises(PosterityError, match=told):
        make(kind="kernel", autoencoder=autoencoder)


def test_blocks_are_of_pixels() -> None:
    with pytest.raises(PosterityError, match="'autoencoder' is none of"):
        make(kind="blocks", regions=["mouth"], autoencoder=PATCHES)
