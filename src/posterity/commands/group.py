"""Read the arguments of commands and report their errors."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from posterity.errors import Again, PosterityError

__all__ = ["ManyCommand", "Posterity", "Shorthand"]


_OF_NAMES = (errno.EACCES, errno.EEXIST, errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR,
             errno.EPERM, errno.EROFS)  # fmt: skip
"""Operating-system errors about a file that the user named."""


_Usage: type[Exception] = typer.BadParameter.__bases__[0]
"""Exception for arguments that a command cannot parse; its class has no public name."""


class _Group(TyperGroup):
    """A command group that reports errors the user can fix in one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Again as error:
            _fail(str(error), 75)
        except PosterityError as error:
            _fail(str(error), 2)
        except _Usage as error:
            _fail(_wrong_words(error), 2)
        except KeyboardInterrupt:
            _fail("interrupted; finished parts are kept, run the same command again to continue", 130)
        except OSError as error:
            named = error.errno in _OF_NAMES and error.filename is not None
            if named:
                _fail(f"{error.filename!s:.200} cannot be used ({error.strerror})", 2)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _fail(f"no space left on device{f': {error.filename}' if error.filename else ''}", 2)


def _wrong_words(error: Any) -> str:
    """Return what is wrong with an option, its value, and where the right ones are told.

    Raises:
        Exception: the same, where a command without words has shown its help.
    """
    message = " ".join(error.format_message().split()).rstrip(".").replace("Input should be", "must be")
    if not message:
        raise error
    checked = getattr(error.__cause__, "errors", None)  # of pydantic, which knows the value
    value = f", is {checked()[0]['input']!r:.100}" if checked else ""
    command = error.ctx.command_path if error.ctx else "posterity"
    return f"{command}: {message[0].lower()}{message[1:]}{value}; see {command} --help"


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(code)


class Posterity(typer.Typer):
    """An app that reports errors in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            cls=_Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, **options
        )


class ManyCommand(TyperCommand):
    """Expands ``--inputs a b @list`` to ``--inputs a --inputs b`` and one more for each line of the file ``list``."""

    many = ("--inputs", "--responses", "--configfile")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        out: list[str] = []
        option: str | None = None
        for word in args:
            if word.startswith("-"):
                option = word if word in self.many else None
                out += [] if option else [word]
            else:
                words = _lines(word) if option and word.startswith("@") else [word]
                out += [each for w in words for each in (option, w)] if option else [word]  # type: ignore[misc]
        return super().parse_args(ctx, out)


def _lines(word: str) -> list[str]:
    """Return the paths listed in ``@FILE``: the first tab-separated field of each line."""
    try:
        return [line.partition("\t")[0] for line in Path(word[1:]).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PosterityError(f"{word}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


class Shorthand(TyperCommand):
    """Expands each word that is a key of ``words`` to several."""

    words: ClassVar[Mapping[str, list[str]]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [word for given in args for word in self.words.get(given, [given])])
