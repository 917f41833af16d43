"""Severity encoders: what training minimises, that a step depends on its number alone, and what is asked of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posterity.errors import PosterityError
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.severities._network import Network
from posterity.severities.examination import examine, levels, ordering_accuracy
from posterity.severities.training import Trainer, Training, loss, measure

TASK = {"operator": "blur_truncated", "width": [0.3, 2.0], "sigma_y": 0.1}
HIDDEN = {"operator": "inpaint", "pixels": [0.3, 0.9], "sigma_y": 0.1}


def pictures(count=12):
    """Images that differ in little: a coloured square somewhere on white."""
    rng = np.random.default_rng(0)
    out = torch.ones(count, 3, 8, 8)
    for picture in out:
        top, left = rng.integers(0, 5, 2)
        picture[:, top : top + 3, left : left + 3] = torch.from_numpy(rng.uniform(-1, 0, (3, 1, 1)))
    return out


def trainer(coder=True, task=TASK, **changes):
    how = Training(**{"steps": 12, "batch": 6, "width": 8, "blocks": 1, "warm_up": 4} | changes)
    autoencoder = PatchPCA.fit(pictures().double(), 2, 4) if coder else None
    return Trainer(pictures(), torch.ones(12), autoencoder, task, how)


@pytest.mark.parametrize("head", ["channels", "states"])
def test_the_network_begins_at_e_and_its_variance_is_a_mean_square(head):
    network = Network((3, 8, 8), (4, 4, 4), 8, 1, head)
    y, encoded = torch.randn(5, 3, 8, 8), torch.randn(5, 4, 4, 4)
    z, v = network(y, encoded)
    assert torch.equal(z, encoded) and v.shape == (5,) and bool((v >= 0).all())
    torch.nn.init.zeros_(network.spread.weight)
    network.spread.bias.data = torch.tensor([1.0, 2.0, -3.0, 0.0])
    torch.testing.assert_close(network(y, encoded)[1], torch.full((5,), 14 / 4))
    with pytest.raises(PosterityError, match="a severity encoder of width 12 on states of 4x4"):
        Network((3, 8, 8), (4, 4, 4), 12, 1)


def test_the_loss_is_that_of_the_paper():
    truth, x = torch.randn(4, 2, 3, 3), torch.randn(4, 1, 6, 6)
    how = Training(variance_weight=10.0, image_weight=0.0)
    # a constant error has no variance: the first term alone is left
    assert float(loss(truth + 0.5, torch.zeros(4), truth, x, x, how)) == pytest.approx(0.25, rel=1e-5)
    z = truth + torch.randn(4, 2, 3, 3)
    e = (z - truth).flatten(1)
    v_bar = (e - e.mean(1, keepdim=True)).square().sum(1) / (e.shape[1] - 1)
    wanted = e.square().mean() + 10 * (v_bar - 0.3).square().mean()
    assert float(loss(z, torch.full((4,), 0.3), truth, x, x, how)) == pytest.approx(float(wanted), rel=1e-5)
    mean, whole = (Training(image_weight=2.0, image_reduction=r) for r in ("mean", "sum_batch"))
    image = float((x - 0.5 * x).square().mean())
    found = [float(loss(truth, torch.zeros(4), truth, x, 0.5 * x, h)) for h in (mean, whole)]
    assert found == pytest.approx([2 * image, 8 * image], rel=1e-5)


def test_the_true_variance_moves_the_estimate_too():
    truth = torch.randn(4, 2, 3, 3)
    z = (truth + torch.randn(4, 2, 3, 3)).requires_grad_()
    gradients = []
    for weight in (0.0, 10.0):
        how = Training(variance_weight=weight, image_weight=0.0)
        found = loss(z, torch.zeros(4), truth, truth, truth, how)
        gradients.append(torch.autograd.grad(found, z)[0])
    assert not torch.allclose(*gradients)


def test_measurements_are_degraded_each_by_its_own_and_hidden_entries_are_0():
    x = torch.full((200, 1, 8, 8), 0.9)
    y = measure(HIDDEN, x, np.random.default_rng(0))
    hidden = (y == 0).double().flatten(1).mean(1)
    assert 0.28 < hidden.min() < 0.4 < 0.8 < hidden.max() < 0.92
    assert float((y[y != 0] - 0.9).std()) == pytest.approx(0.1, rel=0.05)
    again = measure(HIDDEN, x, np.random.default_rng(0))
    assert torch.equal(y, again)


@pytest.mark.parametrize("coder", [True, False])
def test_a_restored_trainer_goes_on_to_the_same_bits(coder):
    whole, halted = trainer(coder), trainer(coder)
    for _ in range(5):
        whole.advance()
        halted.advance()
    state = {k: v.clone() for k, v in halted.state().items()}
    resumed = trainer(coder)
    torch.randn(100)  # nothing depends on the global generator
    resumed.restore(state)
    assert [whole.advance() for _ in range(4)] == [resumed.advance() for _ in range(4)]
    assert all(torch.equal(p, resumed.average[n]) for n, p in whole.average.items())


def test_training_learns_to_tell_how_far_off_the_estimate_is():
    t = trainer(task=HIDDEN, steps=150, batch=16, learning_rate=3e-3)
    assert t.autoencoder is not None
    encode = t.autoencoder.encode

    def asked():
        network = t.averaged()
        return examine(lambda y: network(y, encode(y)), encode, pictures(), HIDDEN, strengths=4, draws=2)

    before = asked()
    for _ in range(150):
        t.advance()
    after = asked()
    assert after.error < 0.7 * after.encoded == pytest.approx(0.7 * before.error, rel=1e-4)
    assert after.ordering_accuracy > 0.9
    assert abs(after.ratio - 1) < 0.3 < abs(before.ratio - 1)


def test_ordering_accuracy_by_its_definition():
    rising = torch.linspace(0, 1, 10)[:, None].expand(10, 3)
    assert (ordering_accuracy(rising), ordering_accuracy(-rising), ordering_accuracy(0 * rising)) == (1, 0, 0)
    assert ordering_accuracy(torch.rand(10, 4000)) == pytest.approx(0.5, abs=0.02)


def test_levels_are_between_the_two_ends_and_a_task_of_one_strength_has_one():
    assert [one["width"][0] for one in levels(TASK, 3)] == pytest.approx([0.3, 1.15, 2.0])
    assert all(low == high for low, high in (one["width"] for one in levels(TASK, 3)))
    one = {"operator": "denoise", "sigma_y": 0.1}
    assert levels(one, 3) == [one]
    found = examine(lambda y: (y, y.flatten(1)[:, 0] ** 2), lambda x: x, pictures(), one, draws=2)
    assert found.ordering_accuracy is None and found.measurements == 24
    assert found.error == pytest.approx(0.01, rel=0.2)
