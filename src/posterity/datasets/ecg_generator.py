"""The generator of Thambawita et al. 2021 (Pulse2Pulse): noise (8, 5000) → 10 s of eight leads at 500 Hz.

A U-Net of 1-D convolutions with kernels of 25 samples: six levels down by factors 2, 5, 2, 5, 5 and 5, and six up by
nearest-neighbour upsampling, each but the first with a skip connection from the downward level of its length.

Convolving a signal upsampled n-fold by nearest neighbours is done as n shorter convolutions before the upsampling
(polyphase filters): the same sums with about a third of the products.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv1d, leaky_relu

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

    Those of the steps up are folded: (out·n, in, taps) with n outputs for each value that would be repeated n times.

    Raises:
        PosterityError: if it is another file; it is read without running code in it.
    """
    wanted = [down for down, _ in _DOWN] + [f"{up}.conv1d" for up, _ in _UP]
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)["stat_dict"]
        plain = {f"{layer}.{part}": found[f"{layer}.{part}"].float() for layer in wanted for part in ("weight", "bias")}
        return plain | {f"{up}.conv1d.weight": _folded(plain[f"{up}.conv1d.weight"], factor) for up, factor in _UP}
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
    x = torch.rand(1, _LEADS, _TIME, generator=torch.Generator().manual_seed(number)) * 2 - 1
    beside: dict[str, Tensor] = {}
    for name, stride in _DOWN:
        convolved = conv1d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], stride, _PADDING)
        beside[name] = x = leaky_relu(convolved)
    for name, factor in _UP:
        if name in _BESIDE:
            x = torch.cat([x, beside[_BESIDE[name]]], dim=1)
        weight, bias = tensors[f"{name}.conv1d.weight"], tensors[f"{name}.conv1d.bias"]
        phases = conv1d(x, weight, padding=weight.shape[2] // 2).unflatten(1, (-1, factor))
        x = phases.movedim(2, 3).flatten(2) + bias[:, None]
        x = x.tanh() if name == _UP[-1][0] else x.relu()
    values: NDArray[np.float64] = (x[0].double() * _MILLIVOLTS * 1000).round().numpy() / 1000
    return values


def _folded(weight: Tensor, factor: int) -> Tensor:
    """Return the filters of values before they are repeated ``factor`` times, (out, in, 25) → (out·factor, in, taps).

    Output t·factor + p of the repeated signal has at tap k the value ⌊(t·factor + p + k - padding)/factor⌋, which is
    t + ⌊(p + k - padding)/factor⌋.
    """
    out, channels, taps = weight.shape
    reach = -(-_PADDING // factor)  # ⌈padding/factor⌉
    folded = weight.new_zeros(out, factor, channels, 2 * reach + 1)
    for phase in range(factor):
        for tap in range(taps):
            folded[:, phase, :, reach + (phase + tap - _PADDING) // factor] += weight[..., tap]
    return folded.flatten(0, 1)
