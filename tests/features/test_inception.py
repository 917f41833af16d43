"""FID: the network's layout by its own random weights, and the distance by hand."""

import numpy as np
import pytest
import torch

from posterity.features import inception
from posterity.metrics.fid import frechet


def test_the_network_takes_the_published_file_and_gives_its_pooling_layer(tmp_path):
    """A file with the published names and shapes: 1008 classes, no auxiliary head."""
    torch.manual_seed(0)
    net = inception.network()
    for module in net.modules():  # torch's own start lets activations fade over the many layers
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    assert shapes["fc.weight"] == (1008, 2048) and not [k for k in shapes if "Aux" in k]
    assert shapes["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    path = tmp_path / "weights.pth"
    torch.save(net.state_dict(), path)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    features = inception.inception(torch.cat([x, x, -x]), path)
    assert features.shape == (3, 2048) and np.allclose(features[0], features[1], rtol=1e-3)
    assert not np.allclose(features[0], features[2], rtol=1e-3)


def test_frechet_distance_of_known_gaussians():
    """Diagonal covariances: |Δm|² + Σ (√a − √b)²; and against the matrix square root."""
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 6)), rng.normal(size=(300, 6)) * np.arange(1, 7) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-8)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + 2) == pytest.approx(24)


def test_few_images_in_many_dimensions():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 2048))
    assert frechet(a, a) == pytest.approx(0, abs=1e-8) and frechet(a, a[:3]) > 0
