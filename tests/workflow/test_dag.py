"""Which jobs Snakemake plans, from nothing and on finished results after one edit.

The finished results are empty files that a stand-in for the command writes: what is tested here is when a
job runs, and what it computes is tested with the stages.
"""

import os
import re
import shutil

import engine
import pytest
import yaml
from engine import ROOT

pytestmark = pytest.mark.slow

STAND_IN = """#!/bin/sh
# writes the file after --output, and what its rule declares beside it
while [ "$1" != --output ]; do shift; done
echo made > "$2"
case $2 in
  */items.parquet) cd "$(dirname "$2")"; touch regions.parquet LICENSE.txt sheet.png ;;
  */questions.parquet) cd "$(dirname "$2")"; touch simulated.parquet ;;
  */weights.safetensors) cd "$(dirname "$2")"; touch card.json samples.png nearest.png log.csv ;;
  *.svg) touch "${2%.svg}.png" "${2%.svg}.csv" ;;
esac
"""
TINY = {
    "title": "Tiny",
    "runs": [
        {"dataset": "openmoji-smileys", "tasks": ["sr16"], "prior": "kernel", "samplers": ["ddnm", "dps", "exact"]},
        {
            "dataset": "openmoji-smileys",
            "tasks": ["denoise"],
            "prior": "kernel",
            "samplers": ["ddnm"],
            "samples": 8,
            "subsets": ["fps"],
        },
    ],
    "metrics": ["psnr", "tv", "sliced_wasserstein"],
    "tables": ["cost"],
    "figures": ["exact_distance"],
    "study": {"simulate": 1, "comparisons": [{"study": "coverage", "approach": "fps"}]},
}


def snakemake(folder, *words):
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return engine.snakemake(folder, *words, environment={"PATH": path})


def planned(folder, *words):
    """{(rule, the wildcards that tell its jobs apart)} of a dry run."""
    done = snakemake(folder, "-n", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule )", text)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        wildcards = (
            dict(w.split("=") for w in re.findall(r"wildcards: (.*)", block)[0].split(", "))
            if "wildcards:" in block
            else {}
        )
        jobs.add(
            (
                rule,
                *(wildcards[k] for k in ("dataset", "task", "sampler", "table", "figure", "asset") if k in wildcards),
            )
        )
    return jobs


def on_disk(folder):
    """{file: (size, modification time)} of what the workflow makes."""
    files = [p for part in ("results", "data", "logs") for p in (folder / part).rglob("*") if p.is_file()]
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def edit(folder, name, change):
    path = folder / "config" / name
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(change(content) or content, sort_keys=False))


def workspace(folder):
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "experiments" / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    # and no other, whose metrics would be added where it has the same run
    edit(folder, "config.yaml", lambda c: c.update(experiments=["tiny"], on_request=[]))
    (folder / "bin").mkdir()
    (folder / "bin" / "posterity").write_text(STAND_IN)
    (folder / "bin" / "posterity").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = workspace(tmp_path_factory.mktemp("finished"))
    done = snakemake(folder, "--quiet", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def results(finished, tmp_path):
    """A copy of the finished results, with modification times."""
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy, copy_function=shutil.copy2)
    return copy


S = "openmoji-smileys"
ENDS = {("table", "cost"), ("figure", "exact_distance")} | {
    (rule,) for rule in ("gather", "study_simulated", "analyse", "report", "all")
}


def test_everything_is_planned_from_nothing(tmp_path):
    samples = {("sample", S, "sr16", n) for n in ("ddnm", "dps", "exact")} | {("sample", S, "denoise", "ddnm")}
    assert planned(workspace(tmp_path)) == samples | {("measure", *s[1:]) for s in samples} | ENDS | {
        ("fetch", "openmoji"),
        ("prepare", S),
        ("degrade", S, "sr16"),
        ("degrade", S, "denoise"),
        ("posterior", S, "sr16"),
        ("posterior", S, "denoise"),
        ("select", S, "denoise", "ddnm"),
    }


def test_nothing_is_planned_on_finished_results(results):
    done = snakemake(results)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_order_and_comments_plan_nothing(results):
    for name in ("samplers/dps.yaml", "tasks/tasks.yaml", "priors/priors.yaml", "experiments/tiny.yaml"):
        edit(results, name, lambda c: dict(reversed(c.items())))
    with (results / "config" / "config.yaml").open("a") as file:
        file.write("# a comment\n")
    assert planned(results) == set()


def test_a_step_size_plans_that_sampler_and_what_is_made_from_it(results):
    edit(results, "samplers/dps.yaml", lambda c: c["settings"].update(scale=0.123, steps=77))
    assert planned(results) == {("sample", S, "sr16", "dps"), ("measure", S, "sr16", "dps"), *ENDS}


def test_the_exact_sampler_is_a_reference_of_the_others(results):
    edit(results, "samplers/exact.yaml", lambda c: c.update(settings={"stream": 7}))
    measured = {("measure", S, "sr16", n) for n in ("ddnm", "dps", "exact")}
    assert planned(results) == {("sample", S, "sr16", "exact"), *measured, *ENDS}


def test_a_new_metric_samples_nothing(results):
    edit(results, "experiments/tiny.yaml", lambda c: c["metrics"].append("ssim"))
    measured = {("measure", S, "sr16", n) for n in ("ddnm", "dps", "exact")} | {("measure", S, "denoise", "ddnm")}
    assert planned(results) == {*measured, *ENDS}


def test_deleted_figures_are_drawn_again_and_nothing_else(results):
    shutil.rmtree(results / "results" / "figures")
    assert planned(results) == {("figure", "exact_distance"), ("report",), ("all",)}


def test_artifacts_that_were_deleted_are_made_again_only_when_a_product_needs_them(results):
    (results / "results" / "samples" / S / "sr16" / "kernel" / "dps.parquet").unlink()
    before = on_disk(results)
    assert planned(results) == set()
    assert on_disk(results) == before
    (results / "results" / "figures" / "tiny" / "exact_distance.svg").unlink()
    again = {("sample", S, "sr16", "dps"), ("measure", S, "sr16", "dps"), *ENDS}
    assert planned(results) == again
    assert not snakemake(results, "--quiet", "all").returncode
    assert planned(results) == set()


def test_a_run_that_stopped_before_its_figures_draws_them_with_the_next(results):
    """The samples and the list of them are new, the products are those of the old ones."""
    edit(results, "samplers/dps.yaml", lambda c: c["settings"].update(steps=77))
    done = snakemake(results, "results/gathered/tiny.txt", "--quiet", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert planned(results) == ENDS - {("gather",)}


def test_an_experiment_on_request_is_made_by_its_name_alone(results):
    extra = {**TINY, "title": "Extra", "figures": []}
    del extra["study"]
    (results / "config" / "experiments" / "on-request.yaml").write_text(yaml.safe_dump(extra))
    edit(results, "config.yaml", lambda c: c.update(on_request=["on-request"]))
    assert planned(results) == {("report",), ("all",)}  # which names it
    assert planned(results, "on_request") == {("gather",), ("table", "cost"), ("on_request",)}
    assert planned(results, "tiny") == set()


def test_a_network_is_trained_before_it_is_used_and_again_when_its_settings_change(tmp_path):
    folder = workspace(tmp_path)
    small = {"dataset": f"{S}-32", "tasks": ["sr4"], "prior": "openmoji32", "samplers": ["ddnm"]}
    edit(folder, "experiments/tiny.yaml", lambda c: {"title": "Tiny", "runs": [small], "metrics": ["psnr"]})
    edit(folder, "priors/openmoji32.yaml", lambda c: c["openmoji32"].__delitem__("weights"))
    expected = {("train_prior",), ("sample", f"{S}-32", "sr4", "ddnm"), ("measure", f"{S}-32", "sr4", "ddnm")}
    first = planned(folder)
    assert first >= {*expected, ("prepare", f"{S}-32"), ("prepare", "openmoji-people-32")}
    done = snakemake(folder, "--quiet", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert planned(folder) == set()
    edit(folder, "priors/openmoji32.yaml", lambda c: c["openmoji32"]["train"]["settings"].update(steps=9))
    assert planned(folder) == {*expected, ("report",), ("all",)}


def test_a_sampling_job_is_told_how_many_gpus_it_may_have(tmp_path):
    folder = workspace(tmp_path)
    small = {"dataset": f"{S}-32", "tasks": ["sr4"], "prior": "openmoji32", "samplers": ["ddnm", "ddrm"]}
    edit(folder, "experiments/tiny.yaml", lambda c: {"title": "Tiny", "runs": [small], "metrics": ["psnr"]})
    edit(folder, "priors/openmoji32.yaml", lambda c: c["openmoji32"].__delitem__("weights"))
    before = planned(folder)
    edit(folder, "config.yaml", lambda c: c.update(resources=[{"sampler": "ddnm", "gpu": 3}]))
    assert planned(folder) == before
    text = (done := snakemake(folder, "-n", "-p", "--cores", "4")).stdout + done.stderr
    asked = {s: n for n, s in re.findall(r"posterity sample .* --gpus (\d) --output \S+/(\w+)\.parquet", text)}
    assert asked == {"ddnm": "3", "ddrm": "1"}


def test_mistakes_stop_before_any_job_with_one_line_each(tmp_path):
    folder = workspace(tmp_path)
    edit(folder, "samplers/dps.yaml", lambda c: c["settings"].update(sclae=0.5))
    edit(folder, "experiments/tiny.yaml", lambda c: c["metrics"].append("psrn"))
    done = snakemake(folder, "-n")
    text = done.stdout + done.stderr
    assert done.returncode == 1
    assert "config: samplers.dps.settings.sclae = 0.5: unknown key; did you mean 'scale'?" in text
    assert "config: experiments.tiny.metrics[3] = 'psrn': unknown metric; did you mean 'psnr'?" in text
    assert "Traceback" not in text


def test_snakemake_reads_yaml_as_check_does(results):
    """A key that is given twice is refused, and numbers inside of `--config` are numbers."""
    (results / "twice.yaml").write_text("items: 3\nitems: 4\n")
    done = snakemake(results, "-n", "--configfile", "config/config.yaml", "twice.yaml")
    assert done.returncode == 1 and "twice.yaml: line 2, column 1: key 'items' is given twice" in done.stdout
    words = ("--config", "samplers={dps: {overrides: [], settings: {steps: 7, scale: 0.5}}}")
    assert planned(results, *words) == {("sample", S, "sr16", "dps"), ("measure", S, "sr16", "dps"), *ENDS}
    (results / "config" / "samplers" / "dps.yaml").write_text("method: {{ dps }}\n")
    done = snakemake(results, "-n")
    assert "config: config/samplers/dps.yaml: line 1, column 10: a list or mapping cannot be a key" in done.stdout
    assert done.stdout.count("config: ") == 1 and "Traceback" not in done.stdout + done.stderr


def test_the_shipped_configurations_can_be_planned():
    for words in ([], ["--configfile", "config/config.yaml", "config/ci.yaml"]):
        done = engine.snakemake(ROOT, "-n", "--forceall", "--quiet", "all", *words)
        assert done.returncode == 0, done.stdout + done.stderr
