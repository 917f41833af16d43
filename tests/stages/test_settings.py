"""A stage run by hand checks its settings, and that its inputs match them."""

import json
from pathlib import Path

import pytest
import sampling_job

from posterity.artifacts import store
from posterity.commands.stages import run_stage
from posterity.errors import PosterityError
from posterity.stages import _settings, sample

DEGRADE = {"dataset": "d", "task": {"name": "half", "operator": "sr", "factor": 2, "sigma_y": 0}, "items": 1, "seed": 0}
SAMPLE = sampling_job.settings(steps=3, samples=2)
SELECT = {"count": 2, "features": "patch", "subsets": {"fps": {"method": "fps"}}, "seed": 0}
DISTANCE = {"prior": "gaussian", "dim": 4, "name": "prior", "first": 0, "instances": 1, "samples": 20,
            "directions": 5, "seed": 0, "runs": [{"method": "prior", "settings": {}}]}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two items, their measurements and two samples of each."""
    folder = sampling_job.inputs(tmp_path_factory.mktemp("made"), ["a", "b"], 16)
    given = {name: folder / f"{name}.parquet" for name in sampling_job.INPUTS}
    sample.run(SAMPLE, **given, output=folder / "samples.parquet")
    return folder


@pytest.mark.parametrize(
    ("stage", "settings", "said"),
    [
        ("degrade", DEGRADE | {"items": -1}, "items = -1"),
        ("degrade", DEGRADE | {"items": 10**9}, "items = 1000000000"),
        ("degrade", DEGRADE | {"seed": 1.5}, "seed = 1.5"),
        ("degrade", DEGRADE | {"task": DEGRADE["task"] | {"sigma_y": float("nan")}}, "task.sigma_y = nan"),
        ("degrade", DEGRADE | {"task": DEGRADE["task"] | {"sigma_y": "0"}}, "task.sigma_y = '0'"),
        ("degrade", DEGRADE | {"itmes": 3}, "unknown key 'itmes'"),
        ("degrade", {}, "--settings lacks 'dataset', 'task', 'items', 'seed'"),
        ("sample", SAMPLE | {"samples": 0}, "samples = 0"),
        ("sample", SAMPLE | {"samples": True}, "samples = True"),
        ("sample", SAMPLE | {"prior": "kernel"}, "prior = 'kernel'"),
        ("select", SELECT | {"count": 0}, "count = 0"),
        ("measure", {"count": 2, "metrics": "psnr"}, "metrics = 'psnr'"),
        ("distance", DISTANCE | {"instances": 10**9}, "instances = 1000000000"),
        ("distance", DISTANCE | {"dim": 1}, "dim = 1"),
        ("distance", DISTANCE | {"prior": "cauchy"}, "prior = 'cauchy'"),
        ("analyse", {"seed": 0, "replicates": 10**9}, "replicates = 1000000000"),
        ("analyse", {"seed": -1}, "seed = -1"),
        ("table", {"experiment": "e", "table": "cost", "task": 3}, "task"),
        ("figure", {"experiment": "e", "figure": "hierarchy", "items": 0}, "items = 0"),
        ("report", {"title": "x", "experiments": "ci"}, "experiments = 'ci'"),
        ("prepare", {"dataset": "d", "kind": "photos", "size": 4, "select": "all"}, "size = 4"),
    ],
)
def test_settings_that_no_stage_can_have(stage, settings, said):
    with pytest.raises(PosterityError) as told:
        _settings.check(stage, settings)
    assert said in str(told.value).splitlines()[0] and str(told.value).startswith("--settings")


def stage_fails(made, stage, settings, **given):
    """The one line of a stage that is run as the command runs it, and writes nothing."""
    before = sorted(made.rglob("*"))
    with pytest.raises(PosterityError) as told:
        run_stage(stage, settings, **given, output=made / "output.parquet")
    assert sorted(made.rglob("*")) == before
    (line,) = str(told.value).splitlines()
    return line


def inputs(made, *names):
    return {name: made / f"{name}.parquet" for name in names}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "sr4"}, "measurements.parquet is of task 'half', but --settings say task 'sr4'"),
        ({"dataset": "e"}, "items.parquet is of dataset 'd', but --settings say dataset 'e'"),
        ({"sampler": SAMPLE["sampler"] | {"method": "dnm"}}, "sampler 'dnm' does not exist; choose one of"),
        ({"sampler": SAMPLE["sampler"] | {"settings": {"steps": True}}}, "sampler ddnm: steps = True"),
        ({"sampler": SAMPLE["sampler"] | {"settings": {"steps": 0}}}, "sampler ddnm: steps = 0"),
        ({"sampler": SAMPLE["sampler"] | {"wrap": [{"diversity": {"eta": -1}}]}}, "sampler ddnm, diversity: eta = -1"),
    ],
)
def test_samples_of_other_measurements_than_the_settings_say(made, changes, said):
    assert said in stage_fails(made, "sample", SAMPLE | changes, **inputs(made, *sampling_job.INPUTS))


def test_a_posterior_of_another_task(made):
    settings = {k: SAMPLE[k] for k in ("dataset", "prior")} | {"task": "sr4"}
    line = stage_fails(made, "posterior", settings, **inputs(made, *sampling_job.INPUTS))
    assert "measurements.parquet is of task 'half', but --settings say task 'sr4'" in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "e"}, "items.parquet is of dataset 'd', but --settings say dataset 'e'"),
        ({"items": 3}, "items: 3 is more than the 2 test items of d"),
        ({"task": DEGRADE["task"] | {"operator": "inpant"}}, "operator 'inpant' does not exist; choose one of blur"),
        ({"task": DEGRADE["task"] | {"factor": 3}}, "factor 3 must divide the sides"),
    ],
)
def test_measurements_that_cannot_be_made(made, changes, said):
    assert said in stage_fails(made, "degrade", DEGRADE | changes, **inputs(made, "items", "regions"))


def test_more_is_shown_than_there_is(made, tmp_path):
    given = inputs(made, "samples", "measurements") | {"assets": tmp_path}
    line = stage_fails(made, "select", SELECT | {"count": 999}, **given)
    assert "count: 999 is more than the 2 samples of item 'a'" in line
    settings = {"count": 999, "metrics": ["psnr"], "seed": 0}
    line = stage_fails(made, "measure", settings, **given, subsets=None, posterior=None, reference=None)
    assert "count: 999 is more than the 2 samples of item 'a'" in line
    rule = {"subsets": {"fps": {"method": "fps", "first": 0}}}
    assert "subset fps: first = 0" in stage_fails(made, "select", SELECT | rule, **given)


def test_samples_are_measured_against_their_own_measurements(made, tmp_path):
    rows = store.read(made / "measurements.parquet", "measurements").to_pylist()
    other = tmp_path / "other.parquet"
    store.write(other, "measurements", [row | {"task": "sr4"} for row in rows], {})
    settings = {"count": 2, "metrics": ["psnr"], "seed": 0}
    given = {"samples": made / "samples.parquet", "measurements": other, "assets": tmp_path}
    line = stage_fails(made, "measure", settings, **given, subsets=None, posterior=None, reference=None)
    assert line.startswith(f"{other} is of task 'sr4', but {made / 'samples.parquet'} is of task 'half'")
    assert "is of task 'sr4', but" in stage_fails(made, "select", SELECT, **given)


def test_every_stage_has_types_of_its_own():
    """The study's are its design's; verify is no job, and checks its own."""
    from posterity.configuration.paths import PATHS

    assert set(PATHS) - {"study"} == set(_settings._OF)


def test_the_settings_of_the_commands_examples_are_valid():
    from posterity.commands.stages import STAGES

    found = 0
    for command in STAGES:
        example = " ".join((command.__doc__ or "").split()).partition("--settings '")[2].partition("' --")[0]
        if example.startswith("{"):
            _settings.check(command.__name__, json.loads(example))
            found += 1
    assert found >= 10


def test_the_settings_that_the_configuration_plans_are_valid():
    """Every stage accepts the settings that the rules pass: a key known to only one side would stop the workflow."""
    from posterity.configuration import load, resolve

    root = Path(__file__).parents[2] / "config"
    checked = {"report": 0, "analyse": 0}
    for job in resolve(load([root / "config.yaml"]), root):
        if job.stage in checked:
            _settings.check(job.stage, job.settings)
            checked[job.stage] += 1
    assert all(checked.values())
