"""Families of autoencoder networks, one file each.

A family's module has ``CALLED``, the name of the network's class, and

* ``architecture(how, shape)``: the arguments stored in a card, from training settings and the shape of images;
* ``build(**arguments)``: the network;
* ``begin(network, images)``: initialises a fresh network from its training images;
* ``encode(network, x)``: codes (B, *state) of images (B, C, H, W): the mean of random codes, before any code book;
* ``decode(network, codes, quantise)``: images of codes; ``quantise`` says whether to use the code book, which gradients
  pass straight through;
* ``learn(network, x, normal)``: for a step of training, reconstructed images and the family's own term of the loss;
  ``normal`` draws a standard normal tensor of its argument's shape.
"""

from __future__ import annotations

from types import ModuleType

from posterity.registry import Registry

__all__ = ["REGISTRY"]

REGISTRY: Registry[ModuleType] = Registry(__name__, "autoencoder family")
