r"""The posterior through an affine decoder D(z) = c + Vz.

y = A(D(z)) + σ_y n measures z by the matrix AV (m, k), with m up to the number of pixels. By the thin QR decomposition
AV = QR, Qᵀ(y - Ac) = Rz + σ_y n is a sufficient statistic with at most k entries; the rest of y is noise, which matters
only for the evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.base import Operator
from posterity.operators.dense import Dense
from posterity.priors._rows import alike, probe
from posterity.priors.autoencoders.base import Autoencoder
from posterity.priors.base import ExactPosterior, NoClosedForm

__all__ = ["Compressed", "Decoded"]


@dataclass(frozen=True)
class Compressed:
    """The sufficient statistic of y about states, with at most as many entries as a state.

    Arguments:
        operator: R.
        y: Qᵀ(y - Ac), (B, min(m, k)).
        rest: log density of the part of y outside the range of Q, (B,).
    """

    operator: Operator
    y: Tensor
    rest: Tensor

    @classmethod
    def of(cls, operator: Operator, autoencoder: Autoencoder, y: Tensor, sigma_y: float) -> Compressed:
        """Compress measurements ``y`` (B, *measurement) of decoded states.

        Raises:
            NoClosedForm: if the operator is not linear or the decoder not affine.
        """
        if not autoencoder.affine:
            raise NoClosedForm(f"the decoder of a {type(autoencoder).__name__} is not affine")
        if "linear" not in operator.has:
            raise NoClosedForm(f"{operator} is not linear")
        operator, y, shape = operator.to(torch.float64, y.device), y.double(), autoencoder.state_shape
        measured = operator.where_measured(y).flatten(1) > 0
        origin = autoencoder.decode(torch.zeros(1, *shape, dtype=torch.float64))
        shown = autoencoder.decode(probe(shape))
        answers = operator(shown.expand(len(y), *shown.shape[1:])).flatten(1)
        left = measured * (y - operator(origin.expand(len(y), *origin.shape[1:]))).flatten(1)
        basis = autoencoder.decode(torch.eye(math.prod(shape), dtype=torch.float64).unflatten(1, shape)) - origin
        factors, short = [], y.new_empty(len(y), min(left.shape[1], len(basis)))
        which = torch.empty(len(y), dtype=torch.long)
        for group, rows in enumerate(alike(torch.cat([answers, measured.to(answers)], dim=1))):
            seen = operator.rows(rows[:1].expand(len(basis)))(basis).flatten(1) * measured[rows[0]]
            q, r = torch.linalg.qr(seen.T)
            factors.append(r)
            short[rows], which[rows] = left[rows] @ q, group
        dense = Dense(torch.stack(factors), shape)
        return cls(dense.rows(which), short, cls._rest(left, short, measured.double().sum(1), sigma_y))

    @staticmethod
    def _rest(left: Tensor, short: Tensor, measured: Tensor, sigma_y: float) -> Tensor:
        """Return the log density of the part of ``left`` outside the range of Q, (B,).

        Under a mask, Q may also span unmeasured entries. Both sides are 0 there, so the states' evidence has one factor
        N(0; 0, σ_y²) too many for each: the number of remaining entries may be negative.
        """
        if sigma_y == 0:  # the evidence is defined on its support, which excludes the rest
            return torch.zeros_like(left[:, 0])
        away = left.square().sum(1) - short.square().sum(1)
        count = measured - short.shape[1]
        return -(away / sigma_y**2 + count * math.log(2 * math.pi * sigma_y**2)) / 2


class Decoded(ExactPosterior):
    """The posterior of signals, decoded from a posterior of states.

    Arguments:
        states: the posterior of states.
        autoencoder: an affine autoencoder.
        rest: log density of the part of y that no state explains, (B,).
    """

    def __init__(self, states: ExactPosterior, autoencoder: Autoencoder, rest: Tensor) -> None:
        self.states, self._autoencoder, self._rest = states, autoencoder, rest

    @property
    def mean(self) -> Tensor:
        return self._autoencoder.decode(self.states.mean)

    @property
    def mode_probabilities(self) -> Tensor:
        return self.states.mode_probabilities

    @property
    def log_evidence(self) -> Tensor:
        return self.states.log_evidence + self._rest

    def sample(self, noise: Noise) -> Tensor:
        return self._autoencoder.decode(self.states.sample(noise))

    def mode_of(self, x: Tensor) -> Tensor:
        """Return the mode of each row's state E(x), long (B,)."""
        return self.states.mode_of(self._autoencoder.encode(x))
