"""Which edits a stage's fingerprint sees."""

import ast

import pytest

from posterity.configuration import fingerprint as fp

SAMPLE = {"sampler": {"method": "ddnm"}}


def edited(monkeypatch, name, edit):
    """The fingerprint's reader with one module's text changed by ``edit``."""
    path = fp._file(name)
    original = path.read_text(encoding="utf-8")
    changed = edit(original)
    assert changed != original
    read = type(path).read_text
    monkeypatch.setattr(type(path), "read_text", lambda self, **k: changed if self == path else read(self, **k))
    fp._tree.cache_clear()
    fp._digest.cache_clear()


@pytest.fixture(autouse=True)
def fresh():
    yield
    for cached in (fp._tree, fp._digest, fp._kept):
        cached.cache_clear()


def test_a_samplers_own_file_and_what_it_imports_count_but_no_other_samplers():
    found = fp.modules(("posterity.stages.sample", "posterity.samplers.ddnm"))
    for name in ("samplers.ddnm", "samplers.base", "diffusion.steps", "operators.base", "stages._problem"):
        assert f"posterity.{name}" in found
    for name in ("samplers.dps", "samplers.repaint", "wrappers.diversity", "subsets", "cli", "configuration"):
        assert f"posterity.{name}" not in found


def test_every_module_that_the_sample_stage_loads_is_counted():
    """Imports inside functions too: what was loaded by a real run of the imports is a subset of what was found."""
    import subprocess
    import sys

    code = (
        "import sys, posterity.stages.sample, posterity.stages._problem, posterity.samplers.ddnm;"
        "import posterity.wrappers.diversity;"
        "print(*[m for m in sys.modules if m.split('.')[0] == 'posterity'])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    named = ("posterity.stages.sample", "posterity.samplers.ddnm", "posterity.wrappers.diversity")
    assert set(loaded) <= set(fp.modules(named))


def test_a_wrapper_counts_where_it_is_put_around_a_sampler(monkeypatch):
    wrapped = {"sampler": {**SAMPLE["sampler"], "wrap": [{"diversity": {"eta": 0.2}}]}}
    before = [fp.fingerprint("sample", settings) for settings in (SAMPLE, wrapped)]
    edited(monkeypatch, "posterity.wrappers.diversity", lambda text: text + "\nX = 1\n")
    after = [fp.fingerprint("sample", settings) for settings in (SAMPLE, wrapped)]
    assert after[0] == before[0] and after[1] != before[1]


def test_an_edit_of_the_sampler_is_seen(monkeypatch):
    before = fp.fingerprint("sample", SAMPLE)
    edited(
        monkeypatch, "posterity.samplers.ddnm", lambda text: text.replace("x0 = x0 - residual", "x0 = x0 + residual")
    )
    assert fp.fingerprint("sample", SAMPLE) != before


def test_an_edit_of_another_sampler_is_not(monkeypatch):
    before = fp.fingerprint("sample", SAMPLE)
    edited(monkeypatch, "posterity.samplers.dps", lambda text: text + "\nX = 1\n")
    assert fp.fingerprint("sample", SAMPLE) == before
    assert fp.fingerprint("sample", {"sampler": {"method": "dps"}}) != before


def test_comments_layout_and_docstrings_are_not(monkeypatch):
    before = fp.fingerprint("sample", SAMPLE)

    def edit(text):
        tree = ast.parse(text)
        tree.body[0].value.value = "Another docstring."
        return "# a comment\n" + ast.unparse(tree)

    edited(monkeypatch, "posterity.samplers.ddnm", edit)
    assert fp.fingerprint("sample", SAMPLE) == before


def test_every_stage_has_a_module_to_look_at():
    from pathlib import Path

    from posterity.configuration import load, resolve

    root = Path(__file__).parents[2]
    planned = resolve(load([root / "config" / "config.yaml"]), root / "config", root / "resources" / "assets.yaml")
    for job in planned:
        assert f"posterity.stages.{job.stage}" in fp.modules((f"posterity.stages.{job.stage}",))
        assert len(job.code) == 16


def test_verify_depends_on_its_samplers_and_on_every_statistic():
    import posterity.certificates.statistics as package

    entries = list(fp._named("verify", {"samplers": [{"method": "ddnm"}, {"file": "mine.py"}]}))
    assert entries == ["posterity.samplers.ddnm"]
    found = fp.modules(("posterity.stages.verify", *entries))
    assert {f"posterity.certificates.statistics.{name}" for name in package.names()} <= set(found)
    assert "posterity.signals.ecg" in found, "by what the data are"


def test_features_count_where_they_choose(monkeypatch):
    settings = [{"subsets": {"fps": {}}, "features": features} for features in ("patch", "attributes")]
    before = [fp.fingerprint("select", one) for one in settings]
    edited(monkeypatch, "posterity.features.patch", lambda text: text + "\nX = 1\n")
    after = [fp.fingerprint("select", one) for one in settings]
    assert after[0] != before[0] and after[1] == before[1]


def test_what_was_read_once_is_not_parsed_again(monkeypatch, tmp_path):
    monkeypatch.setattr(fp, "_KEPT", tmp_path / "kept" / "fingerprint.json")
    fp._kept.cache_clear()
    before = fp.fingerprint("sample", SAMPLE)
    fp._keep()
    for cached in (fp._tree, fp._digest, fp._kept):
        cached.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", lambda text: pytest.fail("parsed again"))
        assert fp.fingerprint("sample", SAMPLE) == before
    edited(monkeypatch, "posterity.samplers.ddnm", lambda text: text + "\nX = 1\n")
    assert fp.fingerprint("sample", SAMPLE) != before


@pytest.mark.parametrize("content", ["", "[1]", '{"posterity.samplers.ddnm": []}'])
def test_a_damaged_record_is_read_anew(monkeypatch, tmp_path, content):
    before = fp.fingerprint("sample", SAMPLE)
    (tmp_path / "fingerprint.json").write_text(content)
    monkeypatch.setattr(fp, "_KEPT", tmp_path / "fingerprint.json")
    for cached in (fp._tree, fp._digest, fp._kept):
        cached.cache_clear()
    assert fp.fingerprint("sample", SAMPLE) == before


def test_the_parts_tell_which_module_was_edited(monkeypatch):
    before = fp.parts("sample", SAMPLE)
    edited(monkeypatch, "posterity.diffusion.steps", lambda text: text + "\nX = 1\n")
    now = fp.parts("sample", SAMPLE)
    assert {name for name in before if before[name] != now[name]} == {"diffusion.steps"}
