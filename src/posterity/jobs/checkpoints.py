"""Checkpoints of a training, from which an interrupted training resumes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from posterity.artifacts import store

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["States"]

_log = logging.getLogger(__name__)


class States:
    """The last two states, each file named by its number and the SHA-256 of its bytes.

    Safetensors has no checksum, and one flipped bit would spread to every later step: a state whose bytes
    do not match its name is deleted, and the one before it is used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last(self) -> dict[str, Tensor] | None:
        """Return the latest undamaged state; None if there is none."""
        from safetensors.torch import load

        for path in reversed(self._paths()):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:16] == path.stem.rpartition("-")[2]:
                return load(content)
            _log.warning("%s is damaged; training resumes from the state before it", path)
            path.unlink()
        return None

    def save(self, state: Mapping[str, Tensor]) -> None:
        from safetensors.torch import save

        content = save({name: tensor.cpu().contiguous() for name, tensor in state.items()})
        digest, step = hashlib.sha256(content).hexdigest()[:16], int(state["step"])
        store.write_bytes(self._folder / f"{step:09d}-{digest}.safetensors", content)
        for path in self._paths()[:-2]:
            path.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*-*.safetensors"))
