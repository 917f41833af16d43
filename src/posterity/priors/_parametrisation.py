r"""The parametrisation of a network by four scalars per noise level: x0 = skip·x_t + out·F(scale·x_t, label).

With x_t = √ᾱ x0 + √(1-ᾱ) z and σ = √((1-ᾱ)/ᾱ):

* ``epsilon``: F is z (Ho et al. 2020).
* ``v``: F is √ᾱ z - √(1-ᾱ) x0 (Salimans and Ho 2022).
* ``edm``: x0 = c_skip x̃ + c_out F(c_in x̃) with x̃ = x_t/√ᾱ (Karras et al. 2022, Table 1); the label is
        a multiple of ln σ: 1/4 in the source, 250 in networks trained here, whose embedding expects times up to 1000.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["PREDICTIONS", "SIGMAS", "Parametrisation"]

PREDICTIONS = ("epsilon", "v", "edm")
SIGMAS = (0.002, 80.0)
"""The range of σ that an EDM network is trained for (Karras et al. 2022, Table 1); labels are clamped to it."""


class Parametrisation(NamedTuple):
    """The scalars of each noise level, float64, all of one shape."""

    scale: Tensor
    label: Tensor
    skip: Tensor
    out: Tensor

    @classmethod
    def of(
        cls, kind: str, alpha_bar: Tensor, t: Tensor, sigma_data: float = 0.5, label_factor: float = 250.0
    ) -> Parametrisation:
        """Return the scalars at ᾱ (float64, any shape) and network times t of the same shape (ignored for ``edm``)."""
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        if kind == "epsilon":
            return cls(signal.new_ones(signal.shape), t.to(signal), 1 / signal, -noise / signal)
        if kind == "v":
            return cls(signal.new_ones(signal.shape), t.to(signal), signal, -noise)
        if kind != "edm":
            raise ValueError(f"prediction {kind!r} is none of {', '.join(PREDICTIONS)}")
        sigma = noise / signal
        total = sigma.square() + sigma_data**2
        label = label_factor * sigma.clamp(*SIGMAS).log()
        skip = sigma_data**2 / total / signal
        return cls(1 / (signal * total.sqrt()), label, skip, sigma * sigma_data / total.sqrt())

    def target(self, x0: Tensor, x_t: Tensor) -> Tensor:
        """Return the training target of F for clean signals x0, (B, *signal); the fields hold one scalar per row."""
        rows = (-1, *(1,) * (x0.ndim - 1))
        return (x0 - self.skip.view(rows) * x_t) / self.out.view(rows)
