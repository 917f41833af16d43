"""Training of classifiers: what it learns, that a step depends on its number alone, and what a record is judged by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posterity.classifiers import _inputs
from posterity.classifiers._network import Network
from posterity.classifiers._weights import Class, Trained
from posterity.classifiers.training import Trainer, Training
from posterity.ecg import leads
from posterity.errors import PosterityError

SMALL = {"steps": 120, "batch": 16, "crop": 64, "stride": 32, "width": 8, "blocks": (1, 1), "hidden": 16, "warm_up": 10}


def sinusoids(count=32, time=96):
    """Records of four classes, sinusoids of four frequencies with random phases."""
    rng = np.random.default_rng(0)
    kinds = np.arange(count) % 4
    phases = rng.uniform(0, 2 * np.pi, (count, 8, 1))
    angle = 2 * np.pi * (kinds[:, None, None] + 1) / 32 * np.arange(time) + phases
    return torch.from_numpy(0.2 * np.sin(angle)).float(), torch.eye(4)[kinds].bool()


def trainer(**changes):
    signals, labels = sinusoids()
    how = Training(**SMALL | {"learning_rate": 1e-2} | changes)
    return Trainer(signals, torch.ones(len(signals)), labels, how, torch.device("cpu"))


def trained(network=None, classes=4, crop=64, stride=32, **numbers):
    network = network or Network(12, classes, 8, (1,), 16).eval()
    made = [Class(f"C{n}", 0.5) for n in range(classes)]
    about = {"mean": 0.0, "deviation": 1.0, "rate": 100.0} | numbers
    return Trained("own", network, made, crop=crop, stride=stride, **about)


def test_sinusoids_of_four_classes_are_learned():
    t = trainer()
    losses = [t.advance() for _ in range(120)]
    assert losses[0] > 0.5 and np.mean(losses[-10:]) < 0.3  # of a network that drops half of its hidden units
    network = t.averaged()
    found = trained(network, mean=t.mean, deviation=t.deviation).probabilities(t.signals)
    assert torch.equal(found > 0.5, t.labels)


def test_a_restored_trainer_goes_on_to_the_same_bits():
    whole, halted = trainer(), trainer()
    for _ in range(4):
        whole.advance()
        halted.advance()
    state = {k: v.clone() for k, v in halted.state().items()}
    resumed = trainer()
    torch.randn(100)  # nothing depends on the global generator
    resumed.restore(state)
    assert [whole.advance() for _ in range(3)] == [resumed.advance() for _ in range(3)]
    same = zip(whole.averaged().state_dict().values(), resumed.averaged().state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_the_network_that_is_kept_is_the_last_one():
    t = trainer()
    for _ in range(3):
        t.advance()
    now, kept = t.network.state_dict(), t.averaged().state_dict()
    assert now.keys() == kept.keys() and all(torch.equal(now[k], kept[k]) for k in now)


def test_twelve_leads_are_standardised_by_one_mean_and_one_deviation():
    x, _ = sinusoids()
    mean, deviation = _inputs.moments(x + 0.1)
    twelve = torch.stack([torch.from_numpy(leads.twelve(one.numpy())) for one in x + 0.1])
    assert (mean, deviation) == pytest.approx((float(twelve.mean()), float(twelve.std(correction=0))), rel=1e-5)
    z = _inputs.standardised(x + 0.1, mean, deviation)
    assert z.shape == (32, 12, 96) and float(z.mean()) == pytest.approx(0, abs=1e-5)
    torch.testing.assert_close(z * deviation + mean, twelve.float(), rtol=0, atol=1e-6)
    first = twelve[0].float()
    assert leads.STANDARD[2] == "III" and torch.equal(_inputs.standardised(x + 0.1, 0.0, 1.0)[0, 2], first[2])


def test_windows_cover_a_record_and_the_last_ends_with_it():
    assert _inputs.starts(1000, 250, 125) == [0, 125, 250, 375, 500, 625, 750]
    assert _inputs.starts(960, 250, 125) == [0, 125, 250, 375, 500, 625, 710]
    assert _inputs.starts(250, 250, 125) == [0]


def test_a_record_has_the_largest_probability_of_its_windows():
    own = trained(crop=64, stride=20)
    x = torch.randn(3, 8, 100)
    alone = [own.probabilities(x[:, :, at : at + 64]) for at in (0, 20, 36)]
    torch.testing.assert_close(own.probabilities(x, 100.0), torch.stack(alone).amax(0))
    assert not torch.allclose(alone[0], alone[1])


@pytest.mark.parametrize(
    ("shape", "rate", "said"),
    [
        (
            (1, 8, 63),
            100.0,
            r"reads ECGs of shape \(8, 64 or more\) at 100 Hz, not signals of shape \(8, 63\) at 100 Hz",
        ),
        ((1, 8, 640), 500.0, r"at 100 Hz, not signals of shape \(8, 640\) at 500 Hz"),
        ((1, 3, 64, 64), None, r"not signals of shape \(3, 64, 64\)"),
    ],
)
def test_other_signals_are_refused(shape, rate, said):
    with pytest.raises(PosterityError, match=said) as raised:
        trained().probabilities(torch.zeros(shape), rate)
    assert "\n" not in str(raised.value)


def test_a_training_that_cannot_be_is_refused():
    with pytest.raises(PosterityError, match="training setting crop = 97: the records have 96 samples"):
        trainer(crop=97)
    with pytest.raises(PosterityError, match=r"training setting blocks = \(1, 0\): each stage"):
        trainer(blocks=(1, 0))
    how = Training(**SMALL)
    with pytest.raises(PosterityError, match="the training records are constant"):
        Trainer(torch.zeros(2, 8, 96), torch.ones(2), torch.eye(2).bool(), how, torch.device("cpu"))
