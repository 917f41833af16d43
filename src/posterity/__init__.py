"""Plausible restorations of images and signals, and how far to trust them."""

__version__ = "0.1.0"
