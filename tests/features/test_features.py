"""Features against the libraries that define them, with random weights."""

import numpy as np
import pytest
import torch

from posterity.features import kurtosis, pca
from posterity.features.attributes import fit
from posterity.features.patch import patch


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from safetensors.torch import save_file
    from torchvision.models import vgg16

    torch.manual_seed(0)
    net = vgg16(weights=None).features
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({f"features.{k}": v for k, v in net.state_dict().items()}, path)
    return path


def test_lpips_pairs_are_lpips(weights):
    from posterity.features.lpips import LPIPS

    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x[3] = x[2] + 1e-3
    net = LPIPS(weights)
    with torch.no_grad():
        expected = np.array([[float(net.net(a[None], b[None])) for a in x] for b in x])
    assert np.abs(net.pairs(x) - expected).max() < 1e-5 and expected.max() > 1e-4


def test_vgg_shape_and_batches(weights):
    from posterity.features.vgg import vgg

    x = torch.rand(2, 3, 40, 40) * 2 - 1
    assert vgg(x, weights, batch=1).shape == (2, 25088)


def test_patch_takes_hidden_pixels():
    keep = torch.ones(1, 4, 4)
    keep[0, 1, 2] = 0
    x = torch.rand(3, 3, 4, 4)
    assert np.allclose(patch(x, keep), x[:, :, 1, 2].numpy())


def test_pca_and_embedding_keep_distances():
    x = np.random.default_rng(0).normal(size=(12, 100))
    d = pca.distances(x)
    assert np.allclose(pca.distances(pca.pca(x)), d) and np.allclose(pca.distances(pca.embed(d**2)), d)


def test_kurtosis_of_normals_and_outlier():
    rng = np.random.default_rng(0)
    assert abs(kurtosis.gaussian_reference(100, 20, 50, rng).mean() - 3) < 0.4
    x = rng.normal(size=(100, 3))
    x[0] = 100
    assert kurtosis.kurtosis(x) > 50


def test_attributes_tell_dark_from_light():
    x = torch.cat([torch.rand(10, 3, 16, 16) - 1, torch.rand(10, 3, 16, 16)])
    model = fit(x, [["dark"]] * 10 + [[]] * 10)
    logits = model.logits(x)[:, 0]
    assert model.names == ["dark"] and logits[:10].min() > logits[10:].max()
