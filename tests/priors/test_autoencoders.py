"""Patch PCA: inverse of itself on its own signals, optimal, scaled, and on disk to the last bit."""

import json

import pytest
import torch
from safetensors.torch import save

from posterity.errors import PosterityError
from posterity.priors.autoencoders.affine import Orthonormal, PatchPCA

SHAPE = (2, 8, 4)


@pytest.fixture(scope="module")
def images():
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(30, 2, 4, 2, generator=rng, dtype=torch.float64)
    return (
        0.3
        + coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
        + 0.1 * torch.randn(30, *SHAPE, generator=rng, dtype=torch.float64)
    )


@pytest.fixture(scope="module")
def pca(images):
    return PatchPCA.fit(images, 2, 3)


def test_states_keep_the_layout_and_come_back(pca):
    assert pca.state_shape == (3, 4, 2) and pca.affine
    z = torch.randn(5, *pca.state_shape, dtype=torch.float64)
    torch.testing.assert_close(pca.encode(pca.decode(z)), z, rtol=0, atol=1e-12)


def test_states_of_its_images_have_unit_standard_deviation(pca, images):
    z = pca.encode(images)
    assert float(z.square().mean()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_a_patch_moves_with_its_state(pca):
    z = torch.zeros(1, *pca.state_shape, dtype=torch.float64)
    z[0, :, 1, 1] = 1
    moved = pca.decode(z) - pca.decode(torch.zeros_like(z))
    assert (
        float(moved[..., 2:4, 2:4].abs().min()) > 0 and float(moved.abs().sum() - moved[..., 2:4, 2:4].abs().sum()) == 0
    )


def test_nothing_linear_of_the_size_is_nearer(pca, images):
    """What is lost is the sum of the variances left out, and turned components lose more."""
    lost = float((pca.decode(pca.encode(images)) - images).square().sum())
    whole = PatchPCA.fit(images, 2, 8)
    rest = whole.encode(images)[:, 3:] / whole.scale
    assert lost == pytest.approx(float(rest.square().sum()), rel=1e-9)
    turned, _ = torch.linalg.qr(pca.matrix + 0.1 * torch.randn(8, 3, dtype=torch.float64))
    other = PatchPCA(turned, pca.centre, pca.scale, SHAPE, 2)
    assert float((other.decode(other.encode(images)) - images).square().sum()) > 1.001 * lost


def test_a_patch_as_large_as_the_image_is_pca_of_images(images):
    square = images[:5, :, :4]
    whole = PatchPCA.fit(square, 4, 4)
    assert whole.state_shape == (4, 1, 1)
    torch.testing.assert_close(whole.decode(whole.encode(square)), square)  # five images span four directions
    with pytest.raises(
        PosterityError, match="5 components: 5 patches of 32 numbers vary in 4 directions; choose 1 to 4"
    ):
        PatchPCA.fit(square, 4, 5)


def test_gradients_run_through_both(pca):
    z = torch.randn(2, *pca.state_shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pca.decode, z) and torch.autograd.gradcheck(lambda w: pca.encode(pca.decode(w)), z)


def test_it_comes_back_from_disk_to_the_last_bit(pca, tmp_path):
    pca.save(tmp_path / "weights.safetensors")
    again = PatchPCA.load(tmp_path / "weights.safetensors")
    assert torch.equal(again.matrix, pca.matrix) and torch.equal(again.centre, pca.centre)
    assert (again.scale, again.patch, again.signal_shape) == (pca.scale, pca.patch, pca.signal_shape)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["scale"] == pca.scale and card["state_shape"] == [3, 4, 2]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "vq"}, "kind is 'vq', expected 'patch_pca'"),
        ({"scale": -1.0}, "scale -1.0 is not a positive number"),
        ({"scale": "1"}, "scale is '1', expected a number"),
        ({"patch": 4}, "are not those of patches of 32 numbers"),
        ({"signal_shape": [2, 9, 4]}, "patches of 2 × 2 do not tile signals of shape"),
        ({"weights": {"sha256": "0"}}, "is not the file that its card.json describes"),
        ({"weights": None}, "weights is None, expected their SHA-256"),
    ],
)
def test_a_card_that_says_something_else_is_refused(pca, tmp_path, change, told):
    path = tmp_path / "weights.safetensors"
    pca.save(path)
    card = json.loads((tmp_path / "card.json").read_text()) | change
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(PosterityError, match=told):
        PatchPCA.load(path)


def test_files_that_are_not_there_or_not_whole_are_refused(pca, tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(PosterityError, match="does not exist"):
        PatchPCA.load(path)
    path.write_bytes(save({"matrix": pca.matrix.contiguous()}))
    with pytest.raises(PosterityError, match=r"card\.json, which must say what weights.safetensors is, "):
        PatchPCA.load(path)


@pytest.mark.parametrize(
    ("matrix", "told"),
    [(torch.ones(48, 6), "not orthonormal"), (torch.eye(48), r"has shape \(48, 48\), expected \(48, 6\)")],
)
def test_a_matrix_that_is_no_decoder_is_refused(matrix, told):
    with pytest.raises(PosterityError, match=told):
        Orthonormal(matrix, (3, 4, 4), (1, 1, 6))
