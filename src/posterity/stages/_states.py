"""Training data of a network prior: signals, or their states under an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError
from posterity.priors.card import beside

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.priors.autoencoders import Autoencoder
    from posterity.priors.base import Prior
    from posterity.stages._training_data import Data

__all__ = ["States"]

_BATCH = 64
"""Images that are encoded at a time."""


@dataclass
class States:
    """The signals of ``data``, or their states, each made once.

    Arguments:
        data: the signals.
        flip: whether mirrored signals are trained on too.
        coder: makes states of signals; None where states are signals.
        about: {"name", "sha256"} of the autoencoder, by which a card names it; empty without one.
    """

    data: Data
    flip: bool
    coder: Autoencoder | None
    about: Mapping[str, str]

    @classmethod
    def of(cls, data: Data, flip: bool, autoencoder: Mapping[str, Any] | None, weights: Path | None) -> States:
        """Return the states under the autoencoder of these settings, whose file is ``weights``.

        Raises:
            PosterityError: if there is no such file, or it is not of these signals.
        """
        from posterity.jobs import devices
        from posterity.priors import autoencoders

        if autoencoder is None:
            return cls(data, flip, None, {})
        name, kind = str(autoencoder.get("name")), autoencoder.get("kind")
        if kind != "network":
            raise PosterityError(f"autoencoder {name!r}: a prior is trained on states of kind 'network', not {kind!r}")
        coder = autoencoders.from_file(autoencoder, weights, data.seen.shape[1:], devices.best())
        card = beside(Path(str(weights)), "")
        return cls(data, flip, coder, {"name": name, "sha256": card["weights"]["sha256"]})

    @cached_property
    def seen(self) -> Tensor:
        """Return what is trained on, (N, *state)."""
        return self._encoded(self.data.seen)

    @cached_property
    def mirrored(self) -> Tensor | None:
        """Return the states of the mirrored signals (N, *state); None where a flipped row is the same."""
        return self._encoded(self.data.seen.flip(-1)) if self.flip and self.coder is not None else None

    @cached_property
    def unseen(self) -> Tensor:
        """Return the held-out ones, (M, *state)."""
        return self._encoded(self.data.unseen)

    def behind(self, prior: Prior) -> Prior:
        """Return the prior of signals that a prior of states is; bounded if states are signals."""
        from posterity.priors.latent import Latent

        if self.coder is not None:
            return Latent(prior, self.coder)
        prior.bounds = self.data.kind.bounds
        return prior

    def _encoded(self, signals: Tensor) -> Tensor:
        import torch

        if self.coder is None or not len(signals):
            return signals
        with torch.no_grad():
            return torch.cat([self.coder.encode(part.float()) for part in signals.split(_BATCH)])
