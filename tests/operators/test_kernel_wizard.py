"""The published encoder's architecture and loader, with random weights in a file of the published layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.build import build, draw
from posterity.operators.kernel_wizard import Encoder, NonlinearBlur, _Level, load_encoder

SHAPE = (3, 128, 128)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "GOPRO_wVAE.pth"
    unused = {"kernel_extractor.model.1.weight": torch.zeros(64, 128, 3, 3)}
    torch.save(Encoder().state_dict() | unused, path)
    return path


@pytest.fixture(scope="module")
def operator(weights: Path) -> NonlinearBlur:
    task = {"operator": "nonlinear_blur", "weights": str(weights)}
    parameters = {"code": torch.cat([draw(task, SHAPE, generator(row))["code"] for row in range(2)])}
    return build(task, SHAPE, parameters, torch.float32)


def test_the_layout_is_the_published_one() -> None:
    shapes = {name: tuple(value.shape) for name, value in Encoder().state_dict().items()}
    inner = "adapter.model.submodule.submodule.submodule.submodule"
    expected = {
        "feature_extractor.0.weight": (64, 3, 3, 3),
        "feature_extractor.4.bias": (64,),
        "feature_extractor.15.conv2.weight": (64, 64, 3, 3),
        "adapter.model.down.0.weight": (64, 64, 4, 4),
        "adapter.model.up.1.bias": (64,),
        "adapter.model.submodule.down.1.weight": (128, 64, 4, 4),
        f"{inner}.down.1.weight": (512, 512, 4, 4),
        f"{inner}.up.1.weight": (1024, 512, 4, 4),
        "recon_trunk.19.conv1.bias": (64,),
        "recon_trunk.20.weight": (256, 64, 3, 3),
        "recon_trunk.23.weight": (256, 64, 3, 3),
        "recon_trunk.26.weight": (64, 64, 3, 3),
        "recon_trunk.28.weight": (3, 64, 3, 3),
    }
    assert {name: shapes[name] for name in expected} == expected
    assert len(shapes) == 6 + 10 * 4 + 11 + 20 * 4 + 8


def test_the_skip_carries_activated_features() -> None:
    """As in the published network, whose activation overwrites its input."""
    x = torch.randn(1, 4, 8, 8)
    out = _Level(4, 6)(x, torch.zeros(1, 6, 4, 4))
    assert torch.equal(out[:, 4:], torch.where(x > 0, x, 0.2 * x))


def test_the_code_decides_and_stays(operator: NonlinearBlur) -> None:
    x = (torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0)) - 0.5).expand(2, -1, -1, -1)
    y = operator(x)
    assert torch.equal(y, operator(x))
    assert (y[0] - y[1]).abs().max() > 1e-5
    torch.testing.assert_close(operator.rows(torch.tensor([1]))(x[:1]), y[1:], rtol=1e-4, atol=1e-5)
    assert y.abs().max() <= 1


def test_the_published_scripts_draw_a_code_every_time(weights: Path, operator: NonlinearBlur) -> None:
    task = {"operator": "nonlinear_blur", "weights": str(weights), "resample": True}
    again = build(task, SHAPE, operator.parameters(), torch.float32)
    x = torch.zeros(2, *SHAPE)
    assert not torch.equal(again(x), again(x))


def test_it_is_differentiable(operator: NonlinearBlur) -> None:
    x = torch.zeros(2, *SHAPE, requires_grad=True)
    (gradient,) = torch.autograd.grad(operator(x).sum(), x)
    assert gradient.abs().min() >= 0
    assert gradient.std() > 0
    assert not any(p.requires_grad for p in operator.network.parameters())


def test_the_code_is_1_2_times_normal() -> None:
    code = draw({"operator": "nonlinear_blur", "weights": ""}, (3, 256, 256), generator(0))["code"]
    assert code.shape == (1, 512, 2, 2)
    assert code.std().item() == pytest.approx(1.2, abs=0.05)


def test_other_precision_leaves_the_loaded_network_alone(weights: Path, operator: NonlinearBlur) -> None:
    double = operator.to(torch.float64)
    assert next(double.network.parameters()).dtype == torch.float64
    assert next(load_encoder(weights).parameters()).dtype == torch.float32
    assert operator.to(torch.float32).network is operator.network


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PosterityError, match=r"weights: there is no file .*nothing.pth; it takes GOPRO_wVAE.pth"):
        load_encoder(tmp_path / "nothing.pth")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(PosterityError, match=r"other.pth does not hold the published encoder"):
        load_encoder(tmp_path / "other.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"path": Path("anything")}, tmp_path / "pickle.pth")
    with pytest.raises(PosterityError, match=r"pickle.pth does not hold the published encoder"):
        load_encoder(tmp_path / "pickle.pth")


def test_a_size_that_the_code_does_not_fit_is_refused() -> None:
    with pytest.raises(PosterityError, match="sides divisible by 128, not 3×64×64"):
        NonlinearBlur(Encoder(), torch.zeros(1, 512, 1, 1), (3, 64, 64))


def test_flashs_code_scales_twice(weights: Path, operator: NonlinearBlur) -> None:
    """Its pipeline is in [0, 1]: y01 = A(x01), and y = 2 y01 - 1."""
    task = {"operator": "nonlinear_blur", "weights": str(weights), "twice_scaled": True}
    theirs = build(task, SHAPE, operator.parameters(), torch.float32)
    x = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(theirs(x), 2 * operator((x + 1) / 2) - 1)
    torch.testing.assert_close(theirs.rows(torch.tensor([1]))(x[1:]), theirs(x)[1:], rtol=1e-4, atol=1e-5)
    assert (theirs(x) - operator(x)).abs().max() > 0.1
