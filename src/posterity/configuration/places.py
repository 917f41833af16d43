"""Checks which texts of a configuration can be a folder to write to, or a file to read."""

from __future__ import annotations

import posixpath
from pathlib import Path

__all__ = ["no_file", "no_folder"]


def no_folder(text: str) -> str | None:
    """Return why results cannot go there; None if they can.

    A folder is told by its shortest name. Wildcards of Snakemake are written in braces, and the command line takes
    words that begin with "-" or "@" for something else.
    """
    if wrong := _unfit(text):
        return wrong
    if text != (short := posixpath.normpath(text)) and ".." not in Path(text).parts:
        return f"must be written as {short}"
    if ".." in Path(text).parts:
        return "leads out of the workflow's folder; write where it is from the root"
    if text in (".", "/"):
        return "must name a folder of its own"
    if text[0] in "-@~":
        return f"a folder's name cannot begin with {text[0]!r}"
    for folder in (Path(text), *Path(text).parents):
        try:
            if folder.is_dir():
                return None
            if folder.exists() or folder.is_symlink():
                return f"{folder} is there and is not a folder"
        except OSError as error:
            return f"cannot be a folder ({error.strerror})"
    return None


def no_file(text: str, *, folder: bool = False) -> str | None:
    """Return why there is no such file to read, or no such file or folder; None if there is."""
    if wrong := _unfit(text):
        return wrong
    try:
        found = Path(text).exists() if folder else Path(text).is_file()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found else "is not there"


def _unfit(text: str) -> str | None:
    found = next((mark for mark in "{}\n\t" if mark in text), None)
    return f"a path cannot hold {found!r}" if found else None
