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


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    from torchvision.models import resnet50

    torch.manual_seed(0)
    net = resnet50(weights=None, num_classes=80).eval()
    path = tmp_path_factory.mktemp("weights") / "attribute_predictor.pt"
    torch.save({"state_dict": net.state_dict()}, path)
    return net, path


def test_anycost_features_are_what_the_published_node_gives(predictor):
    from torchvision.models.feature_extraction import create_feature_extractor

    from posterity.features.anycost import anycost

    net, path = predictor
    x = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = create_feature_extractor(net, ["layer4.1.relu"])(x)["layer4.1.relu"].flatten(1)
    found = anycost(x, path, batch=1)
    assert found.shape == (2, 32768) and np.abs(found - expected.numpy()).max() < 1e-5 < expected.max()


@pytest.mark.parametrize("broken", ["cut", "keys", "nan", "other"])
def test_a_wrong_predictor_is_refused_in_one_line(predictor, tmp_path, broken):
    from posterity.errors import PosterityError
    from posterity.features.anycost import anycost

    net, path = predictor
    wrong = tmp_path / "wrong.pt"
    state = {k: v.clone() for k, v in net.state_dict().items()}
    if broken == "keys":
        state.pop("fc.bias")
    if broken == "nan":
        state["fc.bias"][0] = float("nan")
    torch.save({"weights": state} if broken == "other" else {"state_dict": state}, wrong)
    if broken == "cut":
        wrong.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(PosterityError, match=r"wrong\.pt") as error:
        anycost(torch.zeros(1, 3, 32, 32), wrong)
    assert "\n" not in str(error.value)
