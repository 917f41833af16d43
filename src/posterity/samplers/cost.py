"""The measured cost of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass
class Cost:
    """Rows that were counted where they were computed.

    Rows are counted, not calls: a call with eight particles for every restoration is eight evaluations of each.

    Arguments:
        restorations: B, among which the rows are shared out.
        forward_rows, backward_rows: rows that the network saw, and rows whose gradient was taken.
        decode_rows, encode_rows: rows that a latent prior's decoder and encoder made.
        seconds: of all.
        peak_bytes: of a GPU.
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
        """Network evaluations of one restoration, the mean over all, rounded up."""
        return self._of_one(self.forward_rows)

    @property
    def backwards(self) -> int:
        """Gradients of one restoration, likewise."""
        return self._of_one(self.backward_rows)

    @property
    def decodes(self) -> int:
        """Decoded states of one restoration, likewise."""
        return self._of_one(self.decode_rows)

    @property
    def encodes(self) -> int:
        """Encoded signals of one restoration, likewise."""
        return self._of_one(self.encode_rows)

    def _of_one(self, rows: int) -> int:
        return math.ceil(rows / max(1, self.restorations))

    def add(self, other: Cost) -> None:
        """Count the other restorations' too."""
        self.restorations += other.restorations
        self.forward_rows += other.forward_rows
        self.backward_rows += other.backward_rows
        self.decode_rows += other.decode_rows
        self.encode_rows += other.encode_rows
        self.seconds += other.seconds
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
