"""Inserts deliberate mistakes into samplers, one at a time, and reports which test catches each.

``mutants.toml`` lists them: a file of ``src/posterity``, a description, the lines before and after, and the tests to
run. A mistake that no test catches is a line of a paper that could break unnoticed.
"""

from __future__ import annotations

import importlib.util
import io
import multiprocessing
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from posterity.errors import PosterityError

__all__ = ["Mutant", "mutants", "read"]

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "posterity"
LIST = Path(__file__).with_name("mutants.toml")
_SECONDS = 600.0
"""Maximum seconds for the tests of one mutant."""


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Arguments:
        file: path below ``src/posterity``.
        says: description of the mistake.
        old: lines of the file, which must occur exactly once.
        new: their replacement.
        tests: files and folders below ``tests``, in the order in which they are run.
    """

    file: str
    says: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def module(self) -> str:
        """Return the name of the file's module."""
        return "posterity." + self.file.removesuffix(".py").replace("/", ".")

    def source(self) -> str:
        """Return the text of the file with the mistake.

        Raises:
            PosterityError: if the old lines do not occur exactly once.
        """
        text = (SOURCES / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise PosterityError(f"{self.file}, {self.says!r}: its lines stand there {text.count(self.old)} times")
        return text.replace(self.old, self.new)


def read(path: Path = LIST) -> list[Mutant]:
    """Return the mistakes of a list."""
    groups: Mapping[str, Mapping[str, object]] = tomllib.loads(path.read_text(encoding="utf-8"))
    found = []
    for file, group in groups.items():
        tests, mistakes = group["tests"], group["mutants"]
        assert isinstance(tests, list) and isinstance(mistakes, list)
        found += [Mutant(file, one["says"], one["old"], one["new"], tuple(tests)) for one in mistakes]
    return found


def mutants(*, few: bool = False) -> Iterator[dict[str, object]]:
    """Yield one row per mistake: the file, the mistake, and the first test that fails, or "survived".

    Arguments:
        few: whether to try only the first mistake of each file.
    """
    every = read()
    chosen = list({one.file: one for one in reversed(every)}.values()) if few else every
    for one in chosen:
        one.source()
    # Forked from here, so that each process has torch and pytest imported, but not the library.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "pytest", "scipy.stats", "pydantic"])
    for one in chosen:
        yield {"file": one.file, "mistake": one.says, "noticed by": _asked(context, one)}


def _asked(context: multiprocessing.context.ForkServerContext, mutant: Mutant) -> str:
    """Run the mutant's tests in a separate process and return the test that catches it."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_ask, args=(mutant, theirs))
    process.start()
    theirs.close()
    try:
        return str(ours.recv()) if ours.poll(_SECONDS) else "survived: its tests do not end"
    except EOFError:
        return "the end of the process"
    finally:
        process.kill()
        process.join()


def _ask(mutant: Mutant, answer: multiprocessing.connection.Connection) -> None:
    import pytest

    sys.path.insert(0, str(ROOT / "src"))
    _loaded(mutant)
    noticed = _First()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        tests = [str(ROOT / "tests" / name) for name in mutant.tests]
        pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *tests], plugins=[noticed])
    answer.send(noticed.test)


def _loaded(mutant: Mutant) -> ModuleType:
    """Install the mutated module in place of the original before anything imports it."""
    spec = importlib.util.spec_from_file_location(mutant.module, SOURCES / mutant.file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    package, _, name = mutant.module.rpartition(".")
    parent = importlib.import_module(package)
    sys.modules[mutant.module] = module
    exec(compile(mutant.source(), str(SOURCES / mutant.file), "exec"), module.__dict__)
    setattr(parent, name, module)
    return module


class _First:
    """A pytest plug-in that records the first failure."""

    test = "survived"

    def pytest_runtest_logreport(self, report: object) -> None:
        if getattr(report, "failed", False) and self.test == "survived":
            self.test = str(getattr(report, "nodeid", "")).removeprefix("tests/")

    def pytest_collectreport(self, report: object) -> None:
        self.pytest_runtest_logreport(report)
