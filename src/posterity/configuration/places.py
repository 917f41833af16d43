"""Checks whether a path in a configuration can be a folder to write to, or a file to read."""

from __future__ import annotations

import posixpath
from pathlib import Path

__all__ = ["no_file", "no_folder"]


def no_folder(text: str) -> str | None:
    """Return why results cannot be written to this folder; None if they can.

    The path must be in its shortest form. Braces would be Snakemake wildcards, and the command line gives words that
    begin with "-" or "@" another meaning.
    """
    if wrong := _unfit(text):
        return wrong
    if text != (short := posixpath.normpath(text)) and ".." not in Path(text).parts:
        return f"must be written as {short}"
    if ".." in Path(text).parts:
        return "leads out of the workflow's folder; give an absolute path"
    if text in (".", "/"):
        return "must name a folder of its own"
    if text[0] in "-@~":
        return f"a folder's name cannot begin with {text[0]!r}"
    for folder in (Path(text), *Path(text).parents):
        try:
            if folder.is_dir():
                return None
            if folder.exists() or folder.is_symlink():
                return f"{folder} exists and is not a folder"
        except OSError as error:
            return f"cannot be a folder ({error.strerror})"
    return None


def no_file(text: str, *, folder: bool = False) -> str | None:
    """Return why this file (or folder, if ``folder``) cannot be read; None if it can."""
    if wrong := _unfit(text):
        return wrong
    try:
        found = Path(text).exists() if folder else Path(text).is_file()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found else "does not exist"


def _unfit(text: str) -> str | None:
    found = next((mark for mark in "{}\n\t" if mark in text), None)
    return f"a path cannot hold {found!r}" if found else None
