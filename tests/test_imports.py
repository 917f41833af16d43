"""Large libraries without what they import in turn and a stage never uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from posterity.imports import lean

_MEASURE = """
import sys
from posterity.imports import ABSENT, DEFERRED, lean
with lean():
    import lpips, ot, pyiqa, torchvision
assert not {*DEFERRED, *ABSENT, "torch._dynamo", "sklearn", "pandas"} & set(sys.modules), set(sys.modules)

import numpy as np, torch
rng = np.random.default_rng(0)
assert ot.sliced_wasserstein_distance(rng.random((4, 3)), rng.random((5, 3)), seed=0) > 0
# what was deferred is there when it is needed after all, and what is imported now is complete
boxes = [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]
assert torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), boxes, 2).tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]
import scipy.stats, sklearn.cluster, torch._dynamo
assert scipy.stats.norm.cdf(0) == 0.5 and sklearn.cluster.KMeans and torch._dynamo.utils.is_compile_supported
"""

_NETWORK = """
import sys
from posterity.imports import NETWORKS, lean
with lean((), NETWORKS):
    from diffusers.models.unets.unet_2d import UNet2DModel
assert not {*NETWORKS} & set(sys.modules)
import torch
blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
net = UNet2DModel(8, block_out_channels=(8,), norm_num_groups=2, **blocks)
assert net(torch.zeros(1, 3, 8, 8), 1).sample.isfinite().all()
"""


@pytest.mark.slow
def test_libraries_do_without_what_is_not_used_and_find_it_when_it_is() -> None:
    subprocess.run([sys.executable, "-c", _MEASURE], check=True)


@pytest.mark.slow
def test_networks_do_without_transformers() -> None:
    subprocess.run([sys.executable, "-c", _NETWORK], check=True)


def test_what_is_imported_already_stays() -> None:
    import scipy.stats

    with lean():
        from scipy.stats import norm
    assert norm is scipy.stats.norm
    assert sys.modules["scipy.stats"] is scipy.stats


def test_a_deferred_name_forwards_to_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean(["colorsys"]):
        from colorsys import rgb_to_hsv
    assert "colorsys" not in sys.modules
    assert rgb_to_hsv(1.0, 0.0, 0.0) == (0.0, 1.0, 1.0)
    assert rgb_to_hsv.__name__ == "rgb_to_hsv"
    assert "colorsys" in sys.modules


def test_a_deferred_name_can_be_used_within_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean(["colorsys"]):
        from colorsys import rgb_to_hsv

        assert rgb_to_hsv(1.0, 0.0, 0.0) == (0.0, 1.0, 1.0)
    import colorsys

    assert colorsys.__file__
