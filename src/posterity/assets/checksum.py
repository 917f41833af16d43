"""The SHA-256 of a fetched file in a hidden file beside it: what was verified on arrival can be verified again.

The declared SHA-256 is of what a source brings; a file that was converted has another one.
"""

from __future__ import annotations

from pathlib import Path

from posterity.artifacts.digest import sha256
from posterity.errors import PosterityError

__all__ = ["note", "noted", "verify"]


def note(path: Path, digest: str | None = None) -> None:
    """Record the file's present checksum."""
    from posterity.artifacts.store import write_bytes  # brings pyarrow, which configurations do without

    write_bytes(_beside(path), f"{digest or sha256(path)}\n".encode())


def noted(path: Path) -> str:
    """Return what :func:`note` wrote down; empty where it did not."""
    beside = _beside(path)
    return beside.read_text(encoding="utf-8", errors="replace").strip() if beside.is_file() else ""


def verify(path: Path, declared: str = "") -> None:
    """Raise PosterityError if the file has changed since it was fetched.

    Nothing is known of a file without a note, unless it is kept as it was ``declared``.
    """
    expected = noted(path) or declared
    if expected and sha256(path) != expected:
        raise PosterityError(f"{path} is damaged (its SHA-256 is not the one it came with); delete it, fetch it again")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
