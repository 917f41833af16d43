"""The measured cost of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass
class Cost:
    """Rows counted where the network is called.

    Rows are counted, not calls: one call with eight particles per restoration is eight evaluations of each.

    Arguments:
        restorations: B, the number of restorations that share the cost.
        forward_rows, backward_rows: rows evaluated by the network, and rows differentiated through it.
        decode_rows, encode_rows: rows decoded and encoded by a latent prior's autoencoder.
        seconds: wall-clock time of all restorations together.
        peak_bytes: peak GPU memory.
    """

    restorations: int = 0
    forward_rows: int = 0
    backward_rows: int = 0
    decode_rows: int = 0
    encode_rows: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def forwards(self) -> int:
        """Network evaluations per restoration: the mean, rounded up."""
        return self._of_one(self.forward_rows)

    @property
    def backwards(self) -> int:
        """Gradients through the network per restoration, likewise."""
        return self._of_one(self.backward_rows)

    @property
    def decodes(self) -> int:
        """Decodes per restoration, likewise."""
        return self._of_one(self.decode_rows)

    @property
    def encodes(self) -> int:
        """Encodes per restoration, likewise."""
        return self._of_one(self.encode_rows)

    def _of_one(self, rows: int) -> int:
        return math.ceil(rows / max(1, self.restorations))

    def add(self, other: Cost) -> None:
        """Add the cost of other restorations to this one."""
        self.restorations += other.restorations
        self.forward_rows += other.forward_rows
        self.backward_rows += other.backward_rows
        self.decode_rows += other.decode_rows
        self.encode_rows += other.encode_rows
        self.seconds += other.seconds
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
