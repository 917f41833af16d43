"""Records the SHA-256 of a fetched file in a hidden file beside it, so that the file can be verified again later.

The declared SHA-256 is that of the downloaded bytes; a converted file has a different one.
"""

from __future__ import annotations

from pathlib import Path

from posterity.artifacts.digest import sha256
from posterity.errors import PosterityError

__all__ = ["note", "noted", "verify"]


def note(path: Path, digest: str | None = None) -> None:
    """Record the file's current checksum."""
    from posterity.artifacts.store import write_bytes  # imports pyarrow, which configurations do without

    write_bytes(_beside(path), f"{digest or sha256(path)}\n".encode())


def noted(path: Path) -> str:
    """Return the checksum that :func:`note` recorded; empty if there is none."""
    beside = _beside(path)
    return beside.read_text(encoding="utf-8", errors="replace").strip() if beside.is_file() else ""


def verify(path: Path, declared: str = "") -> None:
    """Raise PosterityError if the file has changed since it was fetched.

    A file without a recorded checksum is compared with ``declared``; without that either it passes.
    """
    expected = noted(path) or declared
    if expected and sha256(path) != expected:
        raise PosterityError(
            f"{path} is damaged (its SHA-256 has changed since it was fetched); delete it, fetch it again"
        )


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
