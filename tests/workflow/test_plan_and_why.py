"""The output of `posterity plan` and `posterity why` after edits of the configuration and of the code."""

import contextlib
import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterity.cli import app
from posterity.configuration import fingerprint

pytestmark = pytest.mark.slow

_spec = importlib.util.spec_from_file_location("test_dag", Path(__file__).with_name("test_dag.py"))
dag = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(dag)
finished, results, edit = dag.finished, dag.results, dag.edit

S = "openmoji-smileys"
SAMPLES = f"results/samples/{S}/sr16/kernel/dps.parquet"


def posterity(folder, *words):
    """The lines that the command prints."""
    done = refused(folder, *words, "--snakefile", str(dag.ROOT / "Snakefile"))
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def refused(folder, *words):
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, list(words))


def test_nothing_to_do(results):
    assert posterity(results, "plan") == ["nothing to do"]


def test_a_setting_that_changed_is_named_with_its_jobs_and_their_recorded_hours(results):
    record = results / "results" / "benchmarks" / "sample" / S / "sr16" / "kernel"
    (record / "dps.jsonl").write_text(json.dumps({"s": 5400.0}) + "\n")
    edit(results, "samplers/dps.yaml", lambda c: c["settings"].update(steps=77))
    told = posterity(results, "plan")
    stages = {line.split()[0]: line.split()[1:] for line in told[1:] if line.split()[-1] == "-"}
    assert told[0].split() == ["stage", "jobs", "settings", "inputs", "hours", "GPU", "hours"]
    assert stages["sample"] == ["1", "1", "0", "1.50", "-"]
    assert stages["measure"][:3] == ["1", "0", "1"]
    assert stages["total"][0] == str(sum(int(v[0]) for k, v in stages.items() if k != "total"))
    assert told[-2:] == ["settings that changed", f"  sample: sampler.settings.steps 100 → 77 ({S}/sr16/kernel/dps)"]


def test_jobs_without_a_record_are_estimated_by_similar_ones_or_said_to_be_unknown(results):
    folder = results / "results" / "benchmarks" / "sample" / S
    (folder / "sr16" / "kernel" / "ddnm.jsonl").write_text(json.dumps({"s": 7200.0}) + "\n")
    extra = {"dataset": S, "tasks": ["colorize"], "prior": "kernel", "samplers": ["ddnm"]}
    other = {"dataset": S, "tasks": ["inpaint_face"], "prior": "blocks", "samplers": ["ddnm"]}
    (folder / "denoise" / "kernel" / "ddnm.jsonl").unlink()
    edit(results, "experiments/tiny.yaml", lambda c: c["runs"].extend([extra, other]))
    told = posterity(results, "plan", "tiny")
    (sample,) = (line for line in told if line.startswith("sample"))
    assert sample.split()[1:3] == ["2", "2"] and sample.split()[-2:] == ["2.00", "-"]
    assert "not in the hours, because no similar job was recorded: 1 sample" in told
    assert any("have no record of their own" in line for line in told)


def test_why_names_settings_inputs_and_the_command(results):
    assert posterity(results, "why", SAMPLES)[-1] == "up to date: snakemake would not make it again"
    edit(results, "samplers/dps.yaml", lambda c: c["settings"].update(scale=0.5))
    told = posterity(results, "why", SAMPLES)
    assert told[0] == SAMPLES and "  sampler.settings.scale: 10.0" in told
    assert f"  input: results/measurements/{S}/sr16.parquet" in told
    again = told[told.index("make it again") + 1]
    assert again.startswith("  posterity sample --settings '{") and SAMPLES in again
    # an override has the last word over the sampler's own setting, so the file is still what would be made
    assert told[-1] == "up to date: snakemake would not make it again"
    edit(results, "samplers/dps.yaml", lambda c: c["overrides"][0]["settings"].update(scale=3.0))
    assert posterity(results, "why", SAMPLES)[-1] == "  setting sampler.settings.scale: 10.0 → 3.0"
    figure = posterity(results, "why", "results/figures/tiny/exact_distance.svg")
    assert f"  input {SAMPLES} is made again: setting sampler.settings.scale: 10.0 → 3.0" in figure


def test_why_of_a_file_that_is_not_there_and_of_one_that_nothing_makes(results):
    (results / SAMPLES).unlink()
    told = posterity(results, "why", SAMPLES)
    assert "  does not exist" in told and told[-1] == f"  {SAMPLES} does not exist"
    done = refused(results, "why", "results/nothing.parquet", "--snakefile", str(dag.ROOT / "Snakefile"))
    assert done.exit_code == 2 and "the configuration makes no results/nothing.parquet" in done.output
    done = refused(results / "bin", "why", "x.parquet")
    assert done.exit_code == 2 and done.output.startswith("no Snakefile here")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("nope.yaml", None, "cannot be read (No such file or directory)"),
        ("date.yaml", "items: 2026-13-45", "line 1, column 8: '2026-13-45' cannot be read as !!timestamp"),
        ("latin.yaml", "a: café".encode("latin-1"), "is not UTF-8 text"),
    ],
)
def test_an_overlay_that_cannot_be_read_is_one_line(results, name, content, reason):
    if content is not None:
        (results / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for words in (["plan"], ["why", SAMPLES], ["export", "tiny"]):
        done = refused(
            results, *words, "--configfile", "config/config.yaml", name, "--snakefile", str(dag.ROOT / "Snakefile")
        )
        assert done.exit_code == 2 and done.stderr.startswith(f"config: {name}: {reason}")
        assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def edited(monkeypatch):
    """One sampler's file has another text."""
    path = fingerprint._file("posterity.samplers.dps")
    text, read = path.read_text() + "\nANOTHER = 1\n", Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: text if self == path else read(self, *a, **k))
    for cached in (fingerprint._tree, fingerprint._digest):
        cached.cache_clear()
    yield
    for cached in (fingerprint._tree, fingerprint._digest):
        cached.cache_clear()


def test_an_edit_of_the_library_reruns_what_it_touches_unless_that_is_switched_off(results, edited):
    told = posterity(results, "plan")
    (sample,) = (line for line in told if line.startswith("sample"))
    assert sample.split()[1:3] == ["1", "1"]
    assert told[told.index("code that changed") + 1].startswith("  sample: ")
    assert "the library's code has changed" in "\n".join(posterity(results, "why", SAMPLES))
    edit(results, "config.yaml", lambda c: c.update(follow_code=False))
    assert posterity(results, "plan") == ["nothing to do"]
    edit(results, "samplers/dps.yaml", lambda c: c["settings"].update(steps=77))
    told = posterity(results, "plan")
    assert [line.split()[1] for line in told if line.startswith("sample")] == ["1"]
    assert "code that changed" not in told
