"""Converts a published checkpoint, once, to the form that network priors are loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity.stages import _converting
from posterity.stages._settings import Convert

__all__ = ["run"]


def run(settings: dict[str, Any], *, source: Path, output: Path) -> None:
    """Write safetensors in single precision and card.json beside them.

    An existing conversion of the same file with the same settings is kept.

    Arguments:
        settings: ``prior`` (its name), ``family`` and ``settings`` (see :mod:`posterity.priors.checkpoints`),
            ``sha256`` of the file or null, ``about``.
        source: the file as it was published; for family "hub", config.json is read beside it.
        output: weights.safetensors.
    """
    from posterity.priors import checkpoints

    _converting.convert(Convert.of(settings), "prior", checkpoints.convert, source, output)
