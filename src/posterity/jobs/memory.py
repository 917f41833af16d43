"""Tell the C library to keep the memory of tensors that live for one operation."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep"]

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = (1 << 31) - 1


def keep() -> None:
    """Freed memory stays with the process and is used again.

    By default glibc returns every freed block of some megabytes to the system and the next one of the same
    size is mapped and zeroed anew: a third of the time of a sampler whose batch is that large. Elsewhere
    nothing is done.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_MAX, 0)
