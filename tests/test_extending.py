"""What can be added is one file and, where it has settings, one YAML file; no other file is touched.

One of each kind is begun by `posterity new` in a temporary folder, and one experiment with all of them is run by the
stages that the workflow runs.
"""

from __future__ import annotations

import contextlib
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml

from posterity.artifacts import signals, store
from posterity.commands.new_thing import KINDS, begin
from posterity.commands.stages import run_stage
from posterity.configuration import load, merge, resolve, shapes
from posterity.configuration.paths import fields, pattern

ROOT = Path(__file__).parents[1]
EXPERIMENT = {
    "title": "Extended",
    "count": 2,
    "runs": [
        {"dataset": "my_dataset", "tasks": ["my_operator"], "prior": "my_prior", "samplers": ["my_sampler"],
         "samples": 2, "items": 2},
        {"dataset": "my_dataset", "tasks": ["sr4"], "prior": "my_prior", "samplers": ["ddnm", "ddnm_my_wrapper"],
         "samples": 2, "items": 2},
    ],
    "metrics": ["my_metric", "residual_rms"],
    "tables": ["my_table"],
    "figures": ["my_figure"],
}  # fmt: skip
FEW = {name: {"settings": {"steps": 10}} for name in ("my_sampler", "ddnm", "ddnm_my_wrapper")}
FILES = {
    "sampler": {"src/posterity/samplers/my_sampler.py", "config/samplers/my_sampler.yaml",
                "tests/samplers/test_my_sampler.py"},
    "operator": {"src/posterity/operators/families/my_operator.py", "config/tasks/my_operator.yaml"},
    "prior": {"src/posterity/priors/families/my_prior.py", "config/priors/my_prior.yaml"},
    "dataset": {"src/posterity/datasets/my_dataset.py", "config/datasets/my_dataset.yaml"},
    "wrapper": {"src/posterity/wrappers/my_wrapper.py", "config/samplers/ddnm_my_wrapper.yaml"},
    "metric": {"src/posterity/metrics/my_metric.py"},
    "table": {"src/posterity/tables/my_table.py"},
    "figure": {"src/posterity/figures/my_figure.py"},
}  # fmt: skip


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """{kind: files written} in a folder, whose code is found beside the library's own."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "config", root / "config")
    (root / "tests/samplers").mkdir(parents=True)
    written = {}
    with pytest.MonkeyPatch.context() as patch:
        for kind, about in KINDS.items():
            folder = root / "src/posterity" / about.package.replace(".", "/")
            folder.mkdir(parents=True, exist_ok=True)
            package = import_module(f"posterity.{about.package}")
            patch.setattr(package, "__path__", [*package.__path__, str(folder)])
            paths = begin(kind, f"my_{kind}", root)
            written[kind] = {path.relative_to(root).as_posix() for path in paths}
        _forget()
        yield root, written
    _forget()


def _forget():
    for cached in (shapes.schema, shapes.datasets, shapes.priors, shapes.tasks):
        cached.cache_clear()


@pytest.fixture(scope="module")
def run(added):
    """{(stage, key): path} of an experiment with one addition of each kind."""
    root, _ = added
    rng = np.random.default_rng(0)
    (root / "data/my_dataset").mkdir(parents=True)
    for k in range(6):
        levels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        np.save(root / f"data/my_dataset/i{k}.npy", levels)
    (root / "config/experiments/extended.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    with contextlib.chdir(root):
        config = merge(
            load([Path("config/config.yaml")]), {"experiments": ["extended"], "on_request": [], "samplers": FEW}
        )
        plan = resolve(config, assets=ROOT / "resources/assets.yaml")
        return _made(plan)


def _made(plan):
    made = {}

    def job(stage, key, **paths):
        place = pattern(stage, plan.data, plan.results).format(**dict(zip(fields(stage), key, strict=True)))
        made[stage, key] = Path(place).absolute()
        run_stage(stage, plan.job(stage, *key).settings, **paths, output=made[stage, key])

    job("prepare", ("my_dataset",), asset=Path(plan.sources["my_dataset"]))
    items = made["prepare", ("my_dataset",)]
    prepared = {"items": items, "regions": items.with_name("regions.parquet")}
    for key in plan.keys("degrade"):
        job("degrade", key, **prepared)
    for key in plan.keys("posterior"):
        job("posterior", key, **prepared, measurements=made["degrade", key[:2]])
    for key in plan.keys("sample"):
        job("sample", key, **prepared, measurements=made["degrade", key[:2]], weights=None)
        inputs = {"samples": made["sample", key], "measurements": made["degrade", key[:2]]}
        others = {"subsets": None, "posterior": None, "reference": None, "assets": Path("data/assets")}
        job("measure", key, **inputs, **others)
    everything = [path for (stage, _), path in made.items() if stage not in ("prepare", "posterior")]
    for stage in ("table", "figure"):
        for key in plan.of(stage, "extended"):
            job(stage, key, inputs=everything)
    return made


def rows(run, stage, kind, *key):
    return store.read(run[stage, key], kind).to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_an_addition_is_a_file_and_its_configuration(added, kind):
    _, written = added
    assert written[kind] == FILES[kind]


def test_the_page_says_so(added):
    """docs/extending.md names the same files."""
    _, written = added
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    cells = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    told = {}
    for kind, code, *rest in cells:
        names = [f"src/posterity/{code.strip('`')}", *(f"config/{one.strip('` ')}" for one in rest[:1] if "/" in one)]
        told[kind] = {name.replace("NAME", f"my_{kind}") for name in names}
    for kind in KINDS:
        assert told[kind] == {name for name in written[kind] if not name.startswith("tests/")}


def test_a_dataset(run):
    items = rows(run, "prepare", "items", "my_dataset")
    assert {r["item"] for r in items} == {f"i{k}" for k in range(6)}
    assert {r["split"] for r in items} == {"prior", "test"}


def test_an_operator(run):
    """y is half of the truth."""
    for row in rows(run, "degrade", "measurements", "my_dataset", "my_operator"):
        half = 0.5 * signals.decode(row["truth"]).flatten().numpy()
        np.testing.assert_allclose(row["y"], half, atol=1e-6)


def test_a_prior(run):
    """Its posterior is exact for super-resolution and known for no operator without an SVD."""
    assert [key for stage, key in run if stage == "posterior"] == [("my_dataset", "sr4", "my_prior")]
    found = rows(run, "posterior", "posterior", "my_dataset", "sr4", "my_prior")
    assert sum(r["probability"] for r in found) == pytest.approx(2, abs=1e-2)


def test_a_sampler(run):
    """It projects on a measurement without noise, and costs its steps."""
    found = rows(run, "sample", "samples", "my_dataset", "my_operator", "my_prior", "my_sampler")
    assert len(found) == 4 and all(r["method"] == "my_sampler" and r["forwards"] == 10 for r in found)
    assert all(r["residual_rms"] < 1e-6 for r in found)


def test_a_wrapper(run):
    """It runs the sampler twice, and says so."""
    plain, wrapped = (
        rows(run, "sample", "samples", "my_dataset", "sr4", "my_prior", name) for name in ("ddnm", "ddnm_my_wrapper")
    )
    assert {r["wrappers"] for r in plain} == {""} and {r["wrappers"] for r in wrapped} == {"my_wrapper"}
    assert {r["forwards"] for r in wrapped} == {2 * r["forwards"] for r in plain} == {20}


def test_a_metric(run):
    key = ("my_dataset", "sr4", "my_prior", "ddnm")
    truths = {r["item"]: signals.decode(r["truth"]) for r in rows(run, "degrade", "measurements", *key[:2])}
    samples = {(r["item"], r["sample"]): signals.decode(r["signal"]) for r in rows(run, "sample", "samples", *key)}
    found = [r for r in rows(run, "measure", "metrics", *key) if r["metric"] == "my_metric"]
    assert len(found) == len(samples) == 4
    for row in found:
        error = (samples[row["item"], row["sample"]].double() - truths[row["item"]].double()).abs().max()
        assert row["value"] == float(error)


def test_a_table(run):
    """Its cells are the means of the new metric."""
    cells = {(c["row"], c["column"]): c["value"] for c in rows(run, "table", "tables", "extended", "my_table")}
    key = ("my_dataset", "sr4", "my_prior", "ddnm")
    values = [r["value"] for r in rows(run, "measure", "metrics", *key) if r["metric"] == "my_metric"]
    assert cells[" / ".join(key), "my_metric"] == pytest.approx(np.mean(values))
    assert len(cells) == 6, "three runs and two metrics"


def test_a_figure(run):
    svg = run["figure", ("extended", "my_figure")].read_text(encoding="utf-8")
    assert "<svg" in svg and "The mean over the items of 3 runs." in svg


def test_a_mistake_in_what_was_added_is_told_like_any_other(added, run):  # noqa: ARG001 - after the run
    """By what its class says of the settings."""
    from posterity.configuration import ConfigurationError

    root, _ = added
    wrong = {"tasks": {"my_operator": {"operator": "my_operator", "gain": 20}}, "priors": {"my_prior": {"share": 2}}}
    with contextlib.chdir(root), pytest.raises(ConfigurationError) as told:
        resolve(merge(load([Path("config/config.yaml")]), wrong), assets=ROOT / "resources/assets.yaml")
    lines = "\n".join(told.value.lines)
    assert "tasks.my_operator.gain = 20" in lines and "priors.my_prior.share = 2" in lines
