"""Families of networks that are autoencoders, one file each: how one is built, and how it is asked.

A family's module has ``CALLED``, the name of the network's class, and

* ``architecture(how, shape)``, the arguments that a card keeps, of a training's settings and images of this shape,
* ``build(**arguments)``, the network,
* ``begin(network, images)``, which gives a fresh network what it takes of the images that it is trained on,
* ``encode(network, x)``, codes (B, *state) of images (B, C, H, W): the mean where codes are drawn, no code book,
* ``decode(network, codes, quantise)``, images of codes; ``quantise`` says whether a code book is used, through which
  gradients pass as if it were not there,
* ``learn(network, x, normal)``, what a step of training sees: images that went through, and what the loss has beside
  their error; ``normal`` draws a standard normal tensor like another one.
"""

from __future__ import annotations

from types import ModuleType

from posterity.registry import Registry

__all__ = ["REGISTRY"]

REGISTRY: Registry[ModuleType] = Registry(__name__, "autoencoder family")
