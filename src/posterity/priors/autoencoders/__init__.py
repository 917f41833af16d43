"""Autoencoders: from signals to the states that a latent prior knows, and back."""

from posterity.priors.autoencoders.base import Autoencoder

__all__ = ["Autoencoder"]
