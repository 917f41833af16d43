"""The generator of Thambawita et al. 2021 (Pulse2Pulse): noise (8, 5000) → 10 s of eight leads at 500 Hz.

A U-Net of 1-D convolutions with kernels of 25 samples: six levels down by factors 2, 5, 2, 5, 5 and 5, and six up by
nearest-neighbour upsampling, each but the first with a skip connection from the downward level of its length.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv1d, interpolate, leaky_relu

from posterity.errors import PosterityError

__all__ = ["RATE", "generate", "weights"]

RATE = 500.0
"""Samples per second."""
_LEADS, _TIME, _PADDING = 8, 5000, 12
_MILLIVOLTS = 6.0
"""mV per unit of output: published as ×6000 µV."""
_DOWN = (("conv_1", 2), ("conv_2", 5), ("conv_3", 2), ("conv_4", 5), ("conv_5", 5), ("conv_6", 5))
_UP = (("deconv_1", 5), ("deconv_2", 5), ("deconv_3", 5), ("deconv_5", 2), ("deconv_6", 5), ("deconv_7", 2))
_BESIDE = {"deconv_2": "conv_5", "deconv_3": "conv_4", "deconv_5": "conv_3", "deconv_6": "conv_2"}


def weights(content: bytes, name: str) -> dict[str, Tensor]:
    """Return the tensors for :func:`generate`, {name: tensor}, from the published checkpoint's bytes.

    Raises:
        PosterityError: if it is another file; it is read without running code in it.
    """
    wanted = [down for down, _ in _DOWN] + [f"{up}.conv1d" for up, _ in _UP]
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)["stat_dict"]
        return {f"{layer}.{part}": found[f"{layer}.{part}"].float() for layer in wanted for part in ("weight", "bias")}
    except Exception as error:  # whatever a damaged pickle raises
        raise PosterityError(
            f"{name} does not hold the generator's weights ({' '.join(str(error).split())})"
        ) from error


@torch.no_grad()
def generate(tensors: Mapping[str, Tensor], number: int) -> NDArray[np.float64]:
    """Generate record ``number`` in mV, (8, 5000), rounded to 1 µV.

    Its noise depends on the number alone. Rounding hides differences in summation order between threads and processors,
    except for one sample in a thousand, which differs by 1 µV.
    """

    def layer(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return conv1d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], stride, _PADDING)

    x = torch.rand(1, _LEADS, _TIME, generator=torch.Generator().manual_seed(number)) * 2 - 1
    beside: dict[str, Tensor] = {}
    for name, stride in _DOWN:
        beside[name] = x = leaky_relu(layer(name, x, stride))
    for name, factor in _UP:
        if name in _BESIDE:
            x = torch.cat([x, beside[_BESIDE[name]]], dim=1)
        x = layer(f"{name}.conv1d", interpolate(x, scale_factor=factor))
        x = x.tanh() if name == _UP[-1][0] else x.relu()
    values: NDArray[np.float64] = (x[0].double() * _MILLIVOLTS * 1000).round().numpy() / 1000
    return values
