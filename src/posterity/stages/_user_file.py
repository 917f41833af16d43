"""Loads a user's own sampler from a Python file."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from types import FunctionType, ModuleType

from posterity.certificates.foreign import Foreign
from posterity.errors import PosterityError
from posterity.samplers.base import Sampler

__all__ = ["foreign", "load", "where"]

FUNCTION = "restore"
_TAKES = ("denoise", "A", "y", "sigma_y", "noise")
_RUN_TAKES = ("problem", "noise")


def load(path: Path) -> type[Sampler] | Foreign:
    """Return the one ``Sampler`` that the file defines, or its function ``restore(denoise, A, y, sigma_y, noise)``.

    Raises:
        PosterityError: if the file does not exist, raises an error, or does not define exactly one sampler.
    """
    module = _run(path)
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    found = [c for c in own if issubclass(c, Sampler) and not inspect.isabstract(c)]
    function = getattr(module, FUNCTION, None)
    if len(found) == 1:
        takes = tuple(inspect.signature(found[0].run).parameters)[1:]
        if takes != _RUN_TAKES:
            raise PosterityError(f"{path}: {found[0].__name__}.run({', '.join(takes)}) must be run(problem, noise)")
        return found[0]
    if found:
        names = ", ".join(c.__name__ for c in found)
        raise PosterityError(f"{path} defines {len(found)} samplers ({names}); keep one per file")
    if inspect.isfunction(function):
        return foreign(function, str(path))
    unfinished = [c.__name__ for c in own if issubclass(c, Sampler)]
    if unfinished:
        raise PosterityError(f"{path}: {', '.join(unfinished)} has no method `run`; see docs/writing-a-sampler.md")
    raise PosterityError(
        f"{path} defines neither a subclass of posterity.samplers.base.Sampler nor a function {FUNCTION}"
    )


def foreign(function: FunctionType, called: str) -> Foreign:
    """Wrap a function as a sampler.

    Raises:
        PosterityError: if its arguments differ from the expected ones; the message begins with ``called``.
    """
    takes = tuple(inspect.signature(function).parameters)
    if takes != _TAKES:
        raise PosterityError(
            f"{called}: {function.__name__}({', '.join(takes)}) must be {FUNCTION}({', '.join(_TAKES)})"
        )
    return Foreign(function)


def where(error: BaseException, path: Path) -> str:
    """Return a one-line message for an error in the user's code, with the line number in their file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path.resolve()]
    at = f", line {frames[-1].lineno}" if frames else ""
    return f"{path}{at}: {type(error).__name__}: {' '.join(str(error).split())}"


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise PosterityError(f"{path}: there is no such file")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise PosterityError(f"{path}: a sampler is a Python file whose name is a Python name, like my_sampler.py")
    name = f"posterity_user_{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path.resolve())
    sys.modules[name] = module  # dataclasses look up their module by name
    try:
        # compiled directly: an import would leave a __pycache__ beside the file, and would miss a second edit within
        # a second
        exec(compile(path.read_bytes(), module.__file__, "exec"), vars(module))  # noqa: S102
    except SyntaxError as error:
        raise PosterityError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise PosterityError(where(error, path)) from error
    return module
