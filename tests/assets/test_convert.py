"""Conversions: foreign pickles cannot act, and the numbers arrive where they belong."""

import io
import os
import pickle

import numpy as np
import pytest

from posterity import assets
from posterity.assets import convert
from posterity.errors import PosterityError


class _Evil:
    def __init__(self, act, *arguments):
        self.act, self.arguments = act, arguments

    def __reduce__(self):
        return self.act, self.arguments


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("act", [os.mkdir, eval, np.load, np.fromfile])
def test_pickles_that_act_are_refused(tmp_path, protocol, act):
    mark = tmp_path / "mark"
    content = pickle.dumps({"VGG16_0": _Evil(act, str(mark))}, protocol=protocol)
    with pytest.raises(PosterityError, match="only numpy arrays are allowed"):
        convert.arrays(io.BytesIO(content))
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2])[:-3], b"\x80\x04."])
def test_broken_pickles_are_told(content):
    with pytest.raises(PosterityError, match="the pickle is refused"):
        convert.arrays(io.BytesIO(content))


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_pass(protocol):
    tree = {"a": {"b": np.arange(6, dtype="<f4").reshape(2, 3)}, "c": [1, "x", 2.5]}
    back = convert.arrays(io.BytesIO(pickle.dumps(tree, protocol=protocol)))
    np.testing.assert_array_equal(back["a"]["b"], tree["a"]["b"])
    assert back["c"] == tree["c"]


def _tree(rng):
    return {f"Conv_{i}": {"kernel": rng.random((3, 3, 2, 4), np.float32), "bias": rng.random(4, np.float32)}
            for i in range(13)}  # fmt: skip


def test_kernels_are_transposed_and_numbered_as_in_torchvision(tmp_path):
    from safetensors.numpy import load_file

    tree = _tree(np.random.default_rng(0))
    (tmp_path / "in").write_bytes(pickle.dumps({"VGG16_0": tree}))
    convert.convert("vgg16", tmp_path / "in", tmp_path / "out")
    out = load_file(tmp_path / "out")
    positions = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    assert set(out) == {f"features.{p}.{kind}" for p in positions for kind in ("weight", "bias")}
    assert out["features.10.weight"][3, 1, 0, 2] == tree["Conv_4"]["kernel"][0, 2, 1, 3]
    np.testing.assert_array_equal(out["features.28.bias"], tree["Conv_12"]["bias"])


def test_what_is_missing_is_told(tmp_path):
    (tmp_path / "in").write_bytes(pickle.dumps({"VGG19_0": {}}))
    with pytest.raises(PosterityError, match=r"conversion 'vgg16' does not find .*VGG16_0"):
        convert.convert("vgg16", tmp_path / "in", tmp_path / "out")
    np.savez(tmp_path / "in.npz", mu=np.zeros(3))
    with pytest.raises(PosterityError, match="mu_pris_param"):
        convert.convert("niqe", tmp_path / "in.npz", tmp_path / "out")


def test_niqe_is_the_official_model(fetched):
    from scipy.io import loadmat

    found = loadmat(assets.niqe(fetched("niqe")))
    assert found["mu_prisparam"].shape == (1, 36) and found["cov_prisparam"].shape == (36, 36)
    np.testing.assert_allclose(found["mu_prisparam"][0, :3], [2.6013, 0.9057, 0.8120], atol=1e-4)


def test_vgg16_is_the_published_network(fetched):
    import torch
    from safetensors.torch import load_file
    from torchvision.models import vgg16

    state = load_file(assets.vgg16(fetched("vgg16")))
    with torch.device("meta"):
        net = vgg16(weights=None).features
    net.load_state_dict({k.removeprefix("features."): v for k, v in state.items()}, assign=True)
    assert sum(v.numel() for v in state.values()) == 14714688
    assert float(state["features.0.weight"][0, 0, 0, 0]) == pytest.approx(-0.5537, abs=1e-4)
