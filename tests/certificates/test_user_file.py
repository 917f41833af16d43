"""A person's own sampler, from a file: what is taken, and what each mistake is told as."""

import json

import pytest
import torch

from posterity.certificates import panel
from posterity.errors import PosterityError
from posterity.samplers.dps import DPS
from posterity.stages import _subjects, _user_file

HEAD = """
from posterity.samplers.base import Sampler, settings
"""
MINE = (
    HEAD
    + """
@settings
class Mine(Sampler):
    strength: float = 0.5

    def run(self, problem, noise):
        return self.strength * noise.normal("init")
"""
)
FUNCTION = """
def restore(denoise, A, y, sigma_y, noise):
    x_t = noise("init", 0)
    for t in range(denoise.steps - 1, -1, -250):
        a = denoise.alpha_bar(max(t - 250, -1))
        x_t = a**0.5 * denoise(x_t, t) + (1 - a) ** 0.5 * noise("step", t)
    return x_t
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def refused(path, *words, settings=None):
    with pytest.raises(PosterityError) as error:
        _subjects.subject({"file": str(path), "settings": settings or {}}, "quick")
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_sampler_is_built_with_its_settings(file):
    subject = _subjects.subject({"file": str(file(MINE)), "settings": {"strength": 2}}, "quick")
    assert (subject.name, json.loads(subject.settings)) == ("mine", {"strength": 2.0})
    assert subject.sampler.strength == 2.0 and subject.file.name == "mine.py"


def test_a_sampler_that_is_imported_does_not_count_as_one_more(file):
    found = _user_file.load(file("from posterity.samplers.dps import DPS\n" + MINE))
    assert found.__name__ == "Mine"


def test_a_function_draws_counts_and_sees_rows_alone(file):
    subject = _subjects.subject({"file": str(file(FUNCTION))}, "quick")
    case = panel.case("gaussian", "denoise", "quick")
    outcome = {}
    for rows in (torch.arange(3), torch.arange(1)):
        from posterity.diffusion.noise import Noise
        from posterity.samplers.base import Problem

        deep = case.instances[0]
        problem = Problem(deep.prior, deep.operator, deep.y[rows], deep.sigma_y, rows)
        samples = subject.sampler.sample(problem, Noise(0, [str(r) for r in rows.tolist()], [0] * len(rows)))
        outcome[len(rows)] = samples
    assert (outcome[3].cost.forwards, outcome[3].cost.backwards) == (4, 0)
    assert torch.allclose(outcome[1].x[0], outcome[3].x[0], atol=1e-12)
    with pytest.raises(PosterityError, match="no noisy state to begin late from"):
        subject.sampler.sample(problem, Noise(0, ["0"], [0]), start=(3, deep.y))


def test_what_is_no_sampler(file, tmp_path):
    refused(tmp_path / "absent.py", "absent.py: there is no such file")
    refused(file("x = 1", "mine.txt"), "mine.txt: a sampler is a Python file")
    refused(file("x = 1", "my-own.py"), "my-own.py: a sampler is a Python file whose name is a Python name")
    refused(file("x = 1"), "mine.py defines neither a subclass of posterity.samplers.base.Sampler nor a function")
    refused(file(MINE + "\n@settings\nclass Other(Mine): pass"), "mine.py defines 2 samplers (Mine, Other)")
    refused(file(HEAD + "class Mine(Sampler): pass"), "mine.py: Mine has no method `run`")
    old = HEAD + "class Mine(Sampler):\n    def run(self, problem, noise, start): pass"
    refused(file(old), "mine.py: Mine.run(problem, noise, start) must be run(problem, noise)")
    refused(file(MINE, "dps.py"), "dps is a sampler of posterity; give the file another name")


def test_mistakes_in_the_file_have_their_line(file):
    refused(file("x = 1\ndef f(:\n"), "mine.py, line 2: invalid syntax")
    refused(file("\nimport nowhere_at_all\n"), "mine.py, line 2: ModuleNotFoundError: No module named")
    refused(file("def restore(x, y): pass"), "restore(x, y) must be restore(denoise, A, y, sigma_y, noise)")


def test_settings_that_are_wrong(file):
    bare = MINE.replace("strength: float = 0.5", "strength: float")
    refused(file(bare), "sampler mine: setting 'strength' has no default; give --set strength=VALUE")
    assert _subjects.subject({"file": str(file(bare)), "settings": {"strength": 1}}, "quick").sampler.strength == 1
    refused(file(MINE), "sampler mine has no setting 'stength'; it has: strength", settings={"stength": 1})
    refused(file(MINE), "sampler mine: strength = 'much'", settings={"strength": "much"})
    refused(file(FUNCTION), "a function has no settings; steps cannot be set", settings={"steps": 1})


QUICK = MINE.replace("    def run", "    quick = {'strength': 0.1}\n    standard = {'strength': 0.2}\n\n    def run")


def test_a_class_names_settings_for_the_quicker_tiers(file):
    """Whatever the file: a slow sampler that is new ends in the quick tier as the known ones do."""
    entry = {"file": str(file(QUICK))}
    found = {tier: _subjects.subject(entry, tier).sampler.strength for tier in ("quick", "standard", "full")}
    assert found == {"quick": 0.1, "standard": 0.2, "full": 0.5}
    assert json.loads(_subjects.subject(entry, "quick").settings) == {"strength": 0.1}  # what ran is what is recorded
    assert _subjects.subject(entry | {"settings": {"strength": 3}}, "quick").sampler.strength == 3
    # of a toy problem the tuned settings are published, and only the quick tier takes fewer steps
    assert _subjects.subject(entry, "standard", toy=True).sampler.strength == 0.5
    assert _subjects.subject(entry, "quick", toy=True).sampler.strength == 0.1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{'strength': 0.1}", "{'strenght': 0.1}", "sampler mine, quick on the class has no setting 'strenght'"),
        ("{'strength': 0.1}", "{'strength': 'x'}", "sampler mine, quick on the class: strength = 'x'"),
        ("{'strength': 0.1}", "20", "sampler mine: quick = 20 on the class must hold settings, like {'steps': 20}"),
        ("{'strength': 0.2}", "[1]", "sampler mine: standard = [1] on the class must hold settings"),
    ],
)
def test_settings_of_a_tier_that_are_wrong(file, old, new, told):
    assert old in QUICK
    refused(file(QUICK.replace(old, new)), told)


def test_a_method_takes_the_tiers_settings_under_the_given_ones():
    quick = _subjects.subject({"method": "dps"}, "quick")
    assert quick.sampler.steps == DPS.quick["steps"] < 1000
    assert _subjects.subject({"method": "dps"}, "full").sampler.steps == 1000
    assert _subjects.subject({"method": "dps", "settings": {"steps": 7}}, "quick").sampler.steps == 7
    with pytest.raises(PosterityError, match=r"sampler 'dsp' does not exist; choose one of .*dps"):
        _subjects.subject({"method": "dsp"}, "quick")
    with pytest.raises(PosterityError, match="sampler dps: scale = -1: Input should be greater than or equal to 0"):
        _subjects.subject({"method": "dps", "settings": {"scale": -1}}, "quick")
