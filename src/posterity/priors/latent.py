"""A latent prior: diffusion acts on a code z, and D(z) is the signal."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.operators.composed import Composed
from posterity.priors._through import Compressed, Decoded
from posterity.priors.around import Around
from posterity.priors.atoms import Atoms
from posterity.priors.autoencoders.base import Autoencoder
from posterity.priors.base import ExactPosterior, Prior

__all__ = ["Latent"]

_BATCH = 64
"""Points that are decoded at a time."""


class Latent(Around):
    """The signals D(z) of states z under any prior; states have no bounds.

    The posterior is known if that of the states is known and D is affine; for a prior of points (:class:`Atoms`), for
    every D.

    Arguments:
        prior: the prior of the states.
        autoencoder: from states to signals and back.
    """

    def __init__(self, prior: Prior, autoencoder: Autoencoder) -> None:
        super().__init__(prior)
        if tuple(prior.signal_shape) != tuple(autoencoder.state_shape):
            raise PosterityError(
                f"the prior is of states of shape {tuple(prior.signal_shape)}, the autoencoder makes "
                f"{tuple(autoencoder.state_shape)}"
            )
        self.autoencoder, self.signal_shape = autoencoder, autoencoder.signal_shape
        self.latent, self.bounds = True, None

    def decode(self, z: Tensor) -> Tensor:
        return self.autoencoder.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        return self.autoencoder.encode(x)

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        """Return the posterior of signals for A, and of states for A∘D; y is (B, *measurement)."""
        of_states = isinstance(operator, Composed)
        operator = operator.operator if isinstance(operator, Composed) else operator
        if isinstance(self.prior, Atoms):
            if of_states:
                return self.prior.posterior(Composed(operator, self.decode, self.state_shape), y, sigma_y)
            return self._atoms(self.prior).posterior(operator, y, sigma_y)
        seen = Compressed.of(operator, self.autoencoder, y, sigma_y)
        states = self.prior.posterior(seen.operator, seen.y, sigma_y)
        return states if of_states else Decoded(states, self.autoencoder, seen.rest)

    def _atoms(self, prior: Atoms) -> Atoms:
        """Return the same points, decoded."""
        decoded = torch.cat([self.decode(part) for part in prior.points.split(_BATCH)])
        return Atoms(decoded, prior.log_weights.exp(), prior.schedule)
