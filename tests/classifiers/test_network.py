"""XResNet1d50: its layout, told from shapes and from the arithmetic of its layers, and where its blocks begin."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from posterity.classifiers._network import BLOCKS, Network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network(12, 4).eval()


def lengths(network, time):
    """The samples after the stem and after every block."""
    x = network.stem(torch.randn(2, 12, time))
    out = [x.shape[-1]]
    for block in network.stages:
        x = block(x)
        out.append(x.shape[-1])
    assert x.shape[1] == 256
    return out


@pytest.mark.parametrize("time", [250, 255, 1000])
def test_the_stem_quarters_the_time_and_the_last_three_stages_halve_it(network, time):
    def halved(n):
        return (n + 1) // 2

    first = halved(halved(time))
    wanted = [first]
    for number, count in enumerate(BLOCKS):
        wanted += [halved(wanted[-1]) if number else wanted[-1]] * count
    assert lengths(network, time) == wanted


@pytest.mark.parametrize("time", [250, 1000])
def test_the_head_sees_mean_and_maximum_of_256_channels(network, time):
    x = torch.randn(3, 12, time)
    features = network.features(x)
    last = network.stages(network.stem(x))
    assert features.shape == (3, 512) and network(x).shape == (3, 4)
    torch.testing.assert_close(features[:, :256], nn.functional.adaptive_avg_pool1d(last, 1)[..., 0])
    torch.testing.assert_close(features[:, 256:], nn.functional.adaptive_max_pool1d(last, 1)[..., 0])


def test_every_block_begins_as_its_shortcut(network):
    fresh = Network(12, 4).train()
    x = fresh.stem(torch.randn(4, 12, 250))
    for block in fresh.stages:
        torch.testing.assert_close(block(x), torch.relu(block.shortcut(x)), rtol=0, atol=0)
        x = block(x)
    # and does not stay so
    block = fresh.stages[1]
    nn.init.ones_(block.residual[-1].weight)
    assert not torch.allclose(block(x[..., :8]), torch.relu(x[..., :8]))


def test_shortcuts_average_where_time_is_halved_and_widen_once(network):
    kinds = [[type(layer).__name__ for layer in block.shortcut] for block in network.stages]
    firsts = {0: ["Conv1d", "BatchNorm1d"], 3: ["AvgPool1d"], 7: ["AvgPool1d"], 13: ["AvgPool1d"]}
    assert kinds == [firsts.get(n, []) for n in range(sum(BLOCKS))]


def test_the_number_of_weights_is_that_of_its_layers(network):
    def convolution(inside, outside, kernel):
        return inside * outside * kernel + 2 * outside  # with its normalisation's two

    stem = convolution(12, 32, 5) + convolution(32, 32, 5) + convolution(32, 64, 5)
    over_time = convolution(64, 64, 5) + convolution(64, 256, 1)
    blocks = 16 * over_time + convolution(64, 64, 1) + 15 * convolution(256, 64, 1) + convolution(64, 256, 1)
    head = 2 * 512 + (512 * 128 + 128) + 2 * 128 + (128 * 4 + 4)
    assert sum(p.numel() for p in network.parameters()) == stem + blocks + head == 953_860
