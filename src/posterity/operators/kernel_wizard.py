"""The non-linear blur of DPS, MGPS and Flash: a network trained on camera shake (Tran et al. 2021).

This is its architecture, with the parameter names of the published file GOPRO_wVAE.pth. The parts of that file
that extract a code from a pair of images are not used. The weights are not part of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators.base import Operator

__all__ = ["Encoder", "NonlinearBlur", "code", "load_encoder"]

_CODE, _REDUCTION = 512, 128


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x).relu())


class _Level(nn.Module):
    """One level of the U-Net; the innermost concatenates the code to its features."""

    def __init__(self, outer: int, inner: int, submodule: _Level | None = None, *, outermost: bool = False) -> None:
        super().__init__()
        self.outermost = outermost
        conv = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)
        back = nn.ConvTranspose2d(2 * inner, outer, 4, stride=2, padding=1, bias=outermost)
        self.down = nn.Sequential(conv) if outermost else nn.Sequential(nn.LeakyReLU(0.2), conv)
        self.submodule = submodule
        self.up = nn.Sequential(nn.ReLU(), back, nn.Tanh()) if outermost else nn.Sequential(nn.ReLU(), back)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        deep = self.down(x)
        deep = torch.cat([deep, code], dim=1) if self.submodule is None else self.submodule(deep, code)
        if self.outermost:
            return self.up(deep)
        # The published network activates its input in place, so the skip connection carries the activated input.
        return torch.cat([self.up(deep), nn.functional.leaky_relu(x, 0.2)], dim=1)


class Encoder(nn.Module):
    """F(x, k): image x (B, 3, H, W) in [0, 1], sides divisible by 128, and code k (B, 512, H/128, W/128)."""

    def __init__(self) -> None:
        super().__init__()
        activation = nn.LeakyReLU(0.1)
        head = [nn.Conv2d(3, 64, 3, padding=1), activation]
        for _ in range(2):
            head += [nn.Conv2d(64, 64, 3, stride=2, padding=1), activation]
        self.feature_extractor = nn.Sequential(*head, *(_Residual() for _ in range(10)))
        level = _Level(512, 512)
        for outer, inner in ((256, 512), (128, 256), (64, 128)):
            level = _Level(outer, inner, level)
        self.adapter = nn.ModuleDict({"model": _Level(64, 64, level, outermost=True)})
        tail: list[nn.Module] = []
        for _ in range(2):
            tail += [nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2), activation]
        tail += [nn.Conv2d(64, 64, 3, padding=1), activation, nn.Conv2d(64, 3, 3, padding=1)]
        self.recon_trunk = nn.Sequential(*(_Residual() for _ in range(20)), *tail)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Return the blurred image, (B, 3, H, W)."""
        return x + self.recon_trunk(self.adapter["model"](self.feature_extractor(x), code))


@lru_cache(maxsize=2)
def load_encoder(path: Path) -> Encoder:
    """Load the published weights; the file is read as tensors only, no code in it is run."""
    if not path.is_file():
        raise PosterityError(f"weights: there is no file {path}; it takes GOPRO_wVAE.pth, the published encoder")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {name: value for name, value in state.items() if not name.startswith("kernel_extractor.")}
        network = Encoder()
        network.load_state_dict(wanted)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise PosterityError(f"weights: {path} does not hold the published encoder ({reason})") from error
    return network.eval().requires_grad_(False)


def _divisible(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``shape``; raise :class:`PosterityError` unless the encoder accepts it."""
    channels, height, width = shape
    if channels != 3 or height % _REDUCTION or width % _REDUCTION:
        found = f"{channels}×{height}×{width}"
        raise PosterityError(f"the encoder takes 3 channels and sides divisible by 128, not {found}")
    return shape


def code(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Draw a code k ~ 1.2 N(0, I), (1, 512, H/128, W/128) in float32."""
    _, height, width = _divisible(shape)
    sides = (1, _CODE, height // _REDUCTION, width // _REDUCTION)
    return torch.from_numpy((1.2 * rng.standard_normal(sides)).astype(np.float32))


@dataclass(frozen=True, eq=False)
class NonlinearBlur(Operator):
    """A(x) = 2 F((x + 1)/2, k) - 1, clamped to [-1, 1].

    ``twice_scaled`` reproduces Flash's public code, which gives this operator images in [0, 1]: in its units that is
    A'(x) = 2 A((x + 1)/2) - 1, so F sees intensities from 0.5 to 1.

    Arguments:
        network: F.
        code: k, (B, 512, H/128, W/128) or (1, …); stored with the measurement.
        signal_shape: (3, H, W), sides divisible by 128.
        resample: draw a new code in every call, from torch's global generator, as the published scripts do;
            their solvers therefore never see the operator that made the measurement.
        twice_scaled: A' in place of A.
    """

    network: Encoder
    code: Tensor
    signal_shape: tuple[int, ...]
    resample: bool = False
    twice_scaled: bool = False

    def __post_init__(self) -> None:
        _divisible(self.signal_shape)

    def forward(self, x: Tensor) -> Tensor:
        k = 1.2 * torch.randn_like(self.code) if self.resample else self.code
        x = (x + 1) / 2 if self.twice_scaled else x
        blurred = (2 * self.network((x + 1) / 2, k.expand(len(x), -1, -1, -1)) - 1).clamp(-1, 1)
        return 2 * blurred - 1 if self.twice_scaled else blurred

    def rows(self, index: Tensor) -> NonlinearBlur:
        return replace(self, code=take(self.code, index))

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> NonlinearBlur:
        weight = next(self.network.parameters())
        alike = weight.dtype == dtype and weight.device == torch.device(device)
        # ``Module.to`` works in place, and the loaded module is shared.
        network = self.network if alike else deepcopy(self.network).to(device=device, dtype=dtype)
        return replace(self, network=network, code=self.code.to(device=device, dtype=dtype))

    def parameters(self) -> Mapping[str, Tensor]:
        return {"code": self.code}
