"""Network priors: what each kind of prediction means, frozen weights, learned variance, and files that are refused."""

import hashlib
import json
import math
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors import build
from posterity.priors.base import Prior
from posterity.priors.gaussian import Gaussian
from posterity.priors.loading import SCHEDULES, load
from posterity.priors.loading import build as bare
from posterity.priors.network import Network


def denoised(prior: Prior, x_t: Tensor, t: int) -> Tensor:
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SHAPE = (3, 8, 8)
SCHEDULE = Schedule.linear()
SMALL = {
    "sample_size": 8, "in_channels": 3, "out_channels": 3, "layers_per_block": 1, "block_out_channels": [8, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": 8, "norm_num_groups": 4,
}  # fmt: skip


class Ideal(nn.Module):
    """The best predictor for data N(0, s² I): linear in x, with the coefficients of the textbook."""

    def __init__(self, prediction: str, deviation: float, sigma_data: float = 0.5) -> None:
        super().__init__()
        self.prediction, self.s, self.sigma_data = prediction, deviation, sigma_data
        self.unused = nn.Parameter(torch.zeros(1))
        self.labels: list[float] = []

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        assert not return_dict and label.shape == (len(x),)
        self.labels.append(float(label[0]))
        if self.prediction == "edm":
            sigma = math.exp(float(label[0]) / 250)
            d = self.sigma_data
            noisy = x * math.sqrt(sigma**2 + d**2)
            x0 = self.s**2 / (self.s**2 + sigma**2) * noisy
            skip, out = d**2 / (sigma**2 + d**2), sigma * d / math.sqrt(sigma**2 + d**2)
            return ((x0 - skip * noisy) / out,)
        a = SCHEDULE.alpha_bar(round(float(label[0])))
        x0 = math.sqrt(a) * self.s**2 / (a * self.s**2 + 1 - a) * x
        eps = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        return (eps if self.prediction == "epsilon" else math.sqrt(a) * eps - math.sqrt(1 - a) * x0,)


@pytest.mark.parametrize("t", [0, 250, 700, 850])
@pytest.mark.parametrize("prediction", ["epsilon", "v", "edm"])
def test_predictions_become_the_exact_denoiser(prediction: str, t: int) -> None:
    network = Ideal(prediction, 0.3)
    prior = Network(network, SCHEDULE, SHAPE, prediction)
    x = torch.randn(2, *SHAPE)
    a = SCHEDULE.alpha_bar(t)
    torch.testing.assert_close(
        denoised(prior, x, t), math.sqrt(a) * 0.09 / (a * 0.09 + 1 - a) * x, rtol=1e-4, atol=1e-4
    )
    expected = 250 * math.log(SCHEDULE.level(t).sigma) if prediction == "edm" else t
    assert network.labels == [pytest.approx(expected)]


def test_edm_is_not_asked_about_more_noise_than_it_knows() -> None:
    network = Ideal("edm", 0.3)
    Network(network, SCHEDULE, SHAPE, "edm").predict(torch.randn(1, *SHAPE), SCHEDULE.level(999))
    assert network.labels == [pytest.approx(250 * math.log(80))]


def filled(seed: int = 0, **changes: Any) -> nn.Module:
    """A small U-Net whose weights are all random, also those that fresh networks have at zero."""
    network = bare(SMALL | changes, "small").to_empty(device="cpu")
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.2 * torch.randn(p.shape, generator=rng))
    return network


def test_gradients_reach_the_image_and_no_weight() -> None:
    prior = Network(filled(), SCHEDULE, SHAPE)
    assert prior.dtype == torch.float32 and not prior.network.training
    x = torch.randn(2, *SHAPE, dtype=torch.float64, requires_grad=True)
    x0 = denoised(prior, x, 400)
    assert x0.dtype == torch.float64
    direction = torch.randn(2, *SHAPE, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((x0 * direction).sum(), x)
    step = 1e-2 * torch.randn(2, *SHAPE, dtype=torch.float64)
    with torch.no_grad():
        change = ((denoised(prior, x + step, 400) - denoised(prior, x - step, 400)) * direction).sum() / 2
    assert float((gradient * step).sum()) == pytest.approx(float(change), rel=2e-2)
    assert all(p.grad is None and not p.requires_grad for p in prior.network.parameters())


def test_learned_variance_lies_between_the_two_fixed_ones() -> None:
    prior = Network(filled(out_channels=6), SCHEDULE, SHAPE, learned_variance=True)
    x = torch.randn(2, *SHAPE)
    x0, given, evaluations = prior.predict(x, prior.schedule.level(400))
    with torch.no_grad():
        raw = prior.network(x, torch.full((2,), 400.0), return_dict=False)[0]
    a = SCHEDULE.alpha_bar(400)
    torch.testing.assert_close(x0, (x - math.sqrt(1 - a) * raw[:, :3]) / math.sqrt(a))
    torch.testing.assert_close(given, (raw[:, 3:] + 1) / 2)
    assert evaluations == 1 and not given.requires_grad


def test_a_class_conditional_network_is_asked_for_its_class() -> None:
    network = filled(num_class_embeds=5)
    x = torch.randn(2, *SHAPE)
    two, three = (Network(network, SCHEDULE, SHAPE, label=k).predict(x, SCHEDULE.level(400)).x0 for k in (2, 3))
    assert (two - three).abs().max() > 1e-3


def test_rows_are_conditioned_on_their_class_with_a_weight() -> None:
    network, x, level = filled(num_class_embeds=5), torch.randn(3, *SHAPE), SCHEDULE.level(400.5)
    prior = Network(network, SCHEDULE, SHAPE, label=0, null_class=4)
    alone = [Network(network, SCHEDULE, SHAPE, label=k).predict(x, level).x0 for k in range(5)]
    labels = torch.tensor([2, 0, 3])
    found = prior.given(labels).predict(x, level)
    expected = torch.stack([alone[k][row] for row, k in enumerate(labels.tolist())])
    torch.testing.assert_close(found.x0, expected)
    assert found.evaluations == 1
    guided = prior.given(labels, weight=2.5).predict(x, level)
    torch.testing.assert_close(guided.x0, alone[4] + 2.5 * (expected - alone[4]))
    assert guided.evaluations == 2
    few = prior.given(labels, weight=2.5).rows(torch.tensor([2, 0]))
    torch.testing.assert_close(few.predict(x[[2, 0]], level).x0, guided.x0[[2, 0]])
    torch.testing.assert_close(prior.predict(x, level).x0, alone[0])  # which is as it was


def test_conditioning_that_cannot_be_is_refused() -> None:
    labels, classes = torch.tensor([1, 2]), Network(filled(num_class_embeds=5), SCHEDULE, SHAPE, label=0)
    with pytest.raises(PosterityError, match="this network has no classes to be conditioned on"):
        Network(filled(), SCHEDULE, SHAPE).given(labels)
    with pytest.raises(PosterityError, match=r"weight 2\.0 needs a null class, which this network lacks; use 1"):
        classes.given(labels, weight=2.0)
    with pytest.raises(PosterityError, match="has classes for 2 rows, but is evaluated on 3"):
        classes.given(labels).predict(torch.randn(3, *SHAPE), SCHEDULE.level(10))
    with pytest.raises(PosterityError, match="a Gaussian prior has no classes to be conditioned on"):
        Gaussian(torch.zeros(1, 1, 2), torch.eye(2)).given(labels)


def test_a_network_of_edm_is_asked_at_any_noise_level() -> None:
    """Beyond the linear schedule's table too: at the levels of its own one, and at real times between them."""
    schedule, network = SCHEDULES["edm"](), Ideal("edm", 0.3)
    prior, x = Network(network, schedule, SHAPE, "edm"), torch.randn(2, *SHAPE)
    for sigma in (0.002, 0.0171, 1.0, 31.4, 80.0):
        a = 1 / (1 + sigma**2)
        x0 = prior.predict(x, schedule.at_snr(sigma**-2)).x0
        torch.testing.assert_close(x0, math.sqrt(a) * 0.09 / (a * 0.09 + 1 - a) * x, rtol=1e-4, atol=1e-5)
        assert network.labels[-1] == pytest.approx(250 * math.log(sigma), abs=1e-3)


def write(folder: Any, network: nn.Module, card: dict[str, Any] | None = None, **tensors: Tensor | None) -> Any:
    """Weights and card in a folder; ``tensors`` replaces or (None) drops some."""
    state = {k: v.clone() for k, v in network.state_dict().items()}
    for key, value in tensors.items():
        state.pop(key) if value is None else state.__setitem__(key, value)
    content = save(state)
    about = {
        "architecture": SMALL, "signal_shape": list(SHAPE), "prediction": "epsilon", "schedule": "linear",
        "weights": {"sha256": hashlib.sha256(content).hexdigest()},
    }  # fmt: skip
    (folder / "weights.safetensors").write_bytes(content)
    (folder / "card.json").write_text(json.dumps(about | (card or {})))
    return folder / "weights.safetensors"


def test_a_file_gives_the_network_that_was_written(tmp_path: Any) -> None:
    network, x = filled(), torch.randn(2, *SHAPE)
    path = write(tmp_path, network)
    prior = build({"kind": "network", "name": "small"}, torch.zeros(0), [], {}, SHAPE, path)
    # in the memory layout that files are loaded in, so that not even rounding differs
    expected = (
        Network(network.to(memory_format=torch.channels_last), SCHEDULE, SHAPE).predict(x, SCHEDULE.level(300)).x0
    )
    assert torch.equal(denoised(prior, x, 300), expected)


def test_half_precision_is_computed_in_single(tmp_path: Any) -> None:
    network = filled()
    halves = {k: v.half() for k, v in network.state_dict().items()}
    assert load(write(tmp_path, network, **halves)).dtype == torch.float32


BIAS = "conv_out.bias"


@pytest.mark.parametrize(
    ("tensors", "card", "words"),
    [
        ({BIAS: None}, {}, ["another architecture", "missing key conv_out.bias"]),
        ({"extra.weight": torch.zeros(1)}, {}, ["another architecture", "extra.weight"]),
        ({BIAS: torch.zeros(4)}, {}, [BIAS, "(4,)", "(3,)"]),
        ({BIAS: torch.full((3,), math.nan)}, {}, [BIAS, "not finite"]),
        ({}, {"weights": {"sha256": "0" * 64}}, ["SHA-256", "card.json"]),
        ({}, {"prediction": "score"}, ["'score'", "epsilon, v, edm"]),
        ({}, {"schedule": "sigmoid"}, ["'sigmoid'", "linear, cosine"]),
        ({}, {"architecture": SMALL | {"blocks": 3}}, ["UNet2DModel", "blocks"]),
        ({}, {"architecture": SMALL | {"down_block_types": ["Nothing", "Else"]}}, ["UNet2DModel"]),
        ({}, {"architecture": SMALL | {"num_class_embeds": 5}}, ["class_embedding.weight"]),
        ({}, {"architecture": SMALL | {"norm_num_groups": 0}}, ["UNet2DModel"]),
        ({}, {"architecture": SMALL | {"block_out_channels": ["a", "b"]}}, ["UNet2DModel"]),
        ({}, {"architecture": [1]}, ["card.json: architecture is [1], expected settings"]),
        ({}, {"weights": "f" * 64}, ["card.json: weights is 'ffff", "expected their SHA-256"]),
        ({}, {"signal_shape": 3}, ["card.json: signal_shape is 3, expected whole numbers"]),
        ({}, {"signal_shape": [3, 8, "8"]}, ["card.json: signal_shape is [3, 8, '8'], expected whole numbers"]),
        ({}, {"null_class": 1}, ["card.json: null_class is 1, expected none, as the network has no classes"]),
        ({}, {"schedule": ["linear"]}, ["card.json: schedule ['linear'] is none of"]),
    ],
)
def test_wrong_files_are_refused_in_one_line(
    tmp_path: Any, tensors: dict[str, Tensor | None], card: dict[str, Any], words: list[str]
) -> None:
    path = write(tmp_path, filled(), card, **tensors)
    with pytest.raises(PosterityError) as raised:
        load(path)
    assert "\n" not in str(raised.value)
    assert all(word in str(raised.value) for word in words), raised.value


def test_truncated_foreign_and_absent_files_are_refused(tmp_path: Any) -> None:
    path = write(tmp_path, filled())
    whole = path.read_bytes()
    for content in (whole[:-7], whole[:5], b"", b"PK\x03\x04" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(PosterityError, match="not a whole safetensors file"):
            load(path)
    path.write_bytes(whole)
    for content in ("{", "[" * 10**5, '{"weights": NaN}', "\0"):
        (tmp_path / "card.json").write_text(content)
        with pytest.raises(PosterityError, match=r"card\.json, which must say") as error:
            load(path)
        assert "\n" not in str(error.value)
    for content in ("[]", "3", "null"):
        (tmp_path / "card.json").write_text(content)
        with pytest.raises(PosterityError, match="lacks architecture"):
            load(path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(PosterityError, match="lacks architecture"):
        load(path)
    path.unlink()
    with pytest.raises(PosterityError, match="does not exist"):
        load(path)


def test_label_size_and_absence_are_checked(tmp_path: Any) -> None:
    path = write(tmp_path, filled())
    with pytest.raises(PosterityError, match=r"\(3, 8, 8\), the measurements need \(3, 16, 16\)"):
        build({"kind": "network"}, torch.zeros(0), [], {}, (3, 16, 16), path)
    with pytest.raises(PosterityError, match="--weights"):
        build({"kind": "network", "name": "n"}, torch.zeros(0), [], {}, SHAPE)
    with pytest.raises(PosterityError, match="takes no label"):
        load(path, label=3)
    path = write(tmp_path, filled(num_class_embeds=5), {"architecture": SMALL | {"num_class_embeds": 5}})
    for label in (None, 5, -1):
        with pytest.raises(PosterityError, match="needs a label from 0 to 4"):
            load(path, label=label)
