"""Properties that every rule has, and the toy mixture."""

import itertools

import numpy as np
import pytest

from posterity import subsets
from posterity.features.pca import distances
from posterity.subsets.fps import FPS
from posterity.subsets.hierarchical import brackets, tree
from posterity.subsets.kmeans import KMeansRule
from posterity.subsets.uniformization import Uniformization


def data_for(rule, features):
    return features if rule.reads == "features" else distances(features)


@pytest.mark.parametrize("name", subsets.names())
@pytest.mark.parametrize("count", [1, 5, 30])
def test_size_and_distinct(name, count):
    rule = subsets.find(name)()
    x = np.random.default_rng(0).normal(size=(30, 4))
    chosen = rule.choose(data_for(rule, x), count, np.random.default_rng(1))
    assert len(chosen) == len(set(chosen)) == count and set(chosen) <= set(range(30))


@pytest.mark.parametrize("name", subsets.names())
def test_coinciding_samples_are_no_trouble(name):
    rule = subsets.find(name)()
    assert len(set(rule.choose(data_for(rule, np.zeros((12, 3))), 5, np.random.default_rng(1)))) == 5


@pytest.mark.parametrize("name", subsets.names())
def test_more_than_the_pool_is_refused(name):
    rule = subsets.find(name)()
    with pytest.raises(ValueError, match="count 9"):
        rule.choose(data_for(rule, np.eye(8)), 9, np.random.default_rng(0))


def test_permutation():
    """Without randomness in the way, the pool's order does not matter."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    order = np.random.default_rng(1).permutation(40)
    rule = Uniformization()
    assert np.allclose(rule.log_weights(distances(x[order])), rule.log_weights(distances(x))[order])
    x = np.concatenate(
        [np.random.default_rng(k).normal(size=(8, 2)) * 0.1 + 20 * np.eye(5)[k, :2] * (k + 1) for k in range(5)]
    )
    x += np.repeat(np.arange(5) * 10.0, 8)[:, None]
    order = np.random.default_rng(1).permutation(40)
    a = KMeansRule().choose(x, 5, np.random.default_rng(0))
    b = KMeansRule().choose(x[order], 5, np.random.default_rng(0))
    assert set(a) == {int(order[i]) for i in b}


def test_fps_gaps_do_not_grow():
    d = distances(np.random.default_rng(0).normal(size=(60, 5)))
    chosen = FPS().choose(d, 20, np.random.default_rng(2))
    gaps = [d[chosen[k], chosen[:k]].min() for k in range(1, 20)]
    assert all(a >= b for a, b in itertools.pairwise(gaps))


def test_uniformization_frequencies_are_the_weights():
    d = distances(np.random.default_rng(0).normal(size=(8, 2)))
    rule = Uniformization(neighbour=3, dimension=2)
    w = np.exp(rule.log_weights(d))
    rng = np.random.default_rng(3)
    counts = np.bincount([rule.choose(d, 1, rng)[0] for _ in range(20000)], minlength=8)
    assert np.abs(counts / 20000 - w / w.sum()).max() < 0.015


def test_keep_fraction_drops_the_thinnest():
    x = np.append(np.random.default_rng(0).normal(size=19), 100.0)[:, None]
    assert np.isneginf(Uniformization(keep_fraction=0.95).log_weights(distances(x))[19])


def test_toy_mixture():
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(9) / 9
    means = np.concatenate([[[0, 0]], 10 * np.stack([np.cos(angle), np.sin(angle)], 1)])
    mode = rng.choice(10, 1000, p=[0.95, *[0.05 / 9] * 9])
    x = means[mode] + rng.normal(size=(1000, 2))
    d = distances(x)
    assert set(mode[FPS().choose(d, 20, rng)]) == set(mode) == set(range(10))
    spread = Uniformization(neighbour=10, dimension=2).choose(d, 20, rng)
    assert (mode[spread] == 0).sum() <= 4
    assert (mode[KMeansRule().choose(x, 20, rng)] == 0).sum() >= 4


def _pools():
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(3, 5))
    yield "spread", rng.normal(size=(50, 3))
    yield "three pictures six times", np.repeat(distinct, 6, axis=0)
    yield "three pictures in turn", np.tile(distinct, (6, 1))
    yield "one picture", np.zeros((12, 3))
    yield "a line, every second as near to two", np.arange(21.0)[:, None]
    yield "a grid", np.stack(np.meshgrid(*[np.arange(5.0)] * 2), -1).reshape(-1, 2)
    yield "corners of a simplex, all as near", np.eye(17)
    yield "two", rng.normal(size=(2, 3))
    yield "alone", np.zeros((1, 3))


@pytest.mark.parametrize("soft_factor", [None, 0.5, 2])
@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("x", [pytest.param(x, id=name) for name, x in _pools()])
def test_tree_shows_every_sample_once(x, count, soft_factor):
    d = distances(x)
    rng = np.random.default_rng(1)

    def choose(members, count):
        return [members[i] for i in FPS().choose(d[np.ix_(members, members)], count, rng)]

    nodes = tree(d, count, choose, soft_factor=soft_factor)
    assert sorted(i for _, i in nodes) == list(range(len(x)))
    assert all(path[:-1] == () or path[:-1] in dict(nodes) for path, _ in nodes)
    text = brackets(nodes)
    assert text.count("(") == text.count(")") and text.endswith(";")
