"""Makes the C library keep and reuse the memory of short-lived tensors."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep"]

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = (1 << 31) - 1


def keep() -> None:
    """Keep freed memory in the process for reuse.

    By default glibc returns each freed block of several megabytes to the system, and the next one of the same
    size is mapped and zeroed again: a third of a sampler's time with batches that large. Without glibc this does
    nothing.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_MAX, 0)
