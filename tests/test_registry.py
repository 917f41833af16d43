"""A named thing in a folder is one file."""

import subprocess
import sys

import pytest

from posterity import datasets, features, metrics, samplers, severities, signals, subsets, wrappers
from posterity.certificates import statistics
from posterity.errors import PosterityError
from posterity.operators import families

REGISTRIES = [
    m.REGISTRY
    for m in (datasets, families, features, metrics, samplers, severities, signals, statistics, subsets, wrappers)
]
RULE = '''
from posterity.subsets._base import Rule, settings


@settings
class Last(Rule):
    """Take the last samples of the pool."""

    def choose(self, data, count, rng):
        return list(range(len(data)))[-count:]
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose files are subset rules, too."""
    monkeypatch.setattr(subsets, "__path__", [*subsets.__path__, str(tmp_path)])
    yield tmp_path
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(f"posterity.subsets.{file.stem}", None)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.noun)
def test_every_name_is_a_file_that_defines_one_thing(registry):
    assert registry.names() == sorted(registry.names()) and len(registry.names()) > 1
    for name in registry.names():
        assert registry.module(name).__name__ == f"{registry.package}.{name}"
        if registry.base:
            assert registry.find(name).__module__ == f"{registry.package}.{name}"


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.noun)
def test_an_unknown_name_is_told_with_the_valid_ones(registry):
    first = registry.names()[0]
    for name, told in (
        ("nothing_like_it", f"{registry.noun} 'nothing_like_it' does not exist; choose one of {first}, "),
        (f"{first}s", f"; did you mean '{first}'?"),
        *((beside, f"{registry.noun} {beside!r} does not exist") for beside in registry.beside),
        ("../errors", "'../errors' does not exist"),
    ):
        with pytest.raises(PosterityError) as error:
            registry.module(name)
        assert told in str(error.value) and "\n" not in str(error.value)


def test_a_new_file_is_a_new_name(folder):
    before = subsets.names()
    (folder / "last.py").write_text(RULE)
    (folder / "_hidden.py").write_text(RULE)
    assert sorted({*before, "last"}) == subsets.names()
    assert subsets.find("last")().choose([0.0] * 4, 2, None) == [2, 3]
    described = subsets.REGISTRY.schema()["last"]
    assert described["doc"] == "Take the last samples of the pool." and described["settings"]["properties"] == {}


@pytest.mark.parametrize(
    ("text", "found"), [("X = 1\n", "none"), (RULE + RULE.replace("Last", "First"), "Last, First")]
)
def test_a_file_with_no_class_or_two_is_told(folder, text, found):
    (folder / "odd.py").write_text(text)
    with pytest.raises(PosterityError, match=rf"odd\.py: expected one subclass of Rule, found {found}$"):
        subsets.find("odd")


def test_names_are_listed_without_importing_torch():
    code = (
        "import sys; from posterity import datasets, features, metrics, samplers, severities, signals, wrappers; "
        "from posterity.operators import families; from posterity.priors import families as priors; "
        "these = (datasets, families, priors, features, metrics, samplers, severities, signals, wrappers); "
        "print(all(len(m.REGISTRY.names()) > 1 for m in these), "
        "{'torch', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "set()"]
