"""Outdated files are found by `check`, `plan`, `why`, `export` and `snakemake`.

The results were made without Snakemake, so that it has no record of them: as after ``rm -rf .snakemake``.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import tiny
import yaml
from tiny import SNAKEFILE, D

from posterity.artifacts import identity, origin, store
from posterity.commands.dry_run import dry_run
from posterity.configuration import load, resolve
from posterity.configuration.current import difference, output
from posterity.report import page
from posterity.tables import published

pytestmark = pytest.mark.slow

SAMPLES = f"results/samples/{D}/sr4/kernel/ddnm.parquet"
METRICS = f"results/metrics/{D}/sr4/kernel/ddnm.parquet"
ENDS = {("table", "tiny/cost"), ("table", "tiny/exact_posterior"), ("figure", "tiny/exact_distance"),
        ("figure", "tiny/guidance_gallery")}  # fmt: skip


@pytest.fixture
def results(run, tmp_path):
    """A copy of the results in the present folder, without anything of Snakemake's."""
    shutil.copytree(run, tmp_path / "copy", copy_function=shutil.copy2)
    shutil.rmtree(tmp_path / "copy" / ".snakemake")
    (tmp_path / "copy" / "resources").symlink_to(tiny.ROOT / "resources")
    with contextlib.chdir(tmp_path / "copy"):
        yield tmp_path / "copy"


def posterity(*words, code=0):
    """The lines that the command says."""
    given = ["--snakefile", SNAKEFILE] if words[0] in ("plan", "why", "export") else []
    done = tiny.posterity(Path(), *words, *given)
    assert done.exit_code == code, done.output
    return done.output.splitlines()


def edit(name, change):
    path = Path("config", name)
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def planned():
    """{(stage, name)} of what Snakemake would run, the lists of files aside."""
    return {(job.stage, job.name) for job in dry_run(["tiny"], [], SNAKEFILE).running if job.stage != "gather"}


def stale():
    """The files that `check` calls stale, with the reason."""
    lines = [line.removeprefix("stale: ").partition(": ") for line in posterity("check") if line.startswith("stale: ")]
    return {name: why for name, _, why in lines}


def replace(path, kind):
    """Replace a file's content but keep its times, as ``cp -p`` does."""
    path, times = Path(path), os.stat(path)
    rows, about = store.read(path, kind).to_pylist(), store.provenance(path)
    token = store.code.set(about["code"])
    identity.start([])
    store.write(path, kind, rows, {**about["origin"], "by": "hand"})
    store.code.reset(token)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_changed_settings_are_seen_without_snakemakes_records(results):
    assert posterity("plan", "tiny") == ["nothing to do"] and stale() == {}
    edit("samplers/ddnm.yaml", lambda c: c.update(settings={"steps": 7}, overrides=[]))
    told = posterity("plan", "tiny")
    assert [line.split()[1] for line in told if line.startswith(("sample", "measure"))] == ["2", "2"]
    assert any(line.startswith("  sample: sampler.settings.steps ") and " → 7 " in line for line in told)
    assert stale()[SAMPLES] == "made with other settings (sampler.settings.steps)"
    assert "snakemake would make it again, because" in posterity("why", SAMPLES)
    assert "not done or out of date" in posterity("export", "tiny", code=2)[0] and not Path("tiny.zip").exists()


@pytest.mark.parametrize("what", ["a figure's option", "a sampler less", "the seed"])
def test_other_changes_are_seen_too(results, what):
    """Of a figure, which has no room for metadata; of a set of files; of everything."""
    if what == "a figure's option":
        edit(
            "experiments/tiny.yaml",
            lambda c: c.update(figures={"exact_distance": {}, "guidance_gallery": {"items": 1}}),
        )
        assert planned() == {("figure", "tiny/guidance_gallery")}
        figure = "results/figures/tiny/guidance_gallery.svg"
        assert stale() == {figure: "made with other settings (items)"}
        assert "  setting items: null → 1" in posterity("why", figure)
    elif what == "a sampler less":
        edit("experiments/tiny.yaml", lambda c: c["runs"][0].update(samplers=["ddnm", "ddnm_guided"]))
        edit("experiments/tiny.yaml", lambda c: c.update(tables=["cost"], figures=["guidance_gallery"]))
        assert planned() == {("table", "tiny/cost"), ("figure", "tiny/guidance_gallery")}
    else:
        edit("config.yaml", lambda c: c.update(seed=5))
        assert {stage for stage, _ in planned()} == {"degrade", "posterior", "sample", "measure", "table", "figure"}
        assert f"results/measurements/{D}/sr4.parquet" in stale()


@pytest.mark.parametrize("paper", ["cohen2024", "janati2025"])
def test_published_numbers_are_an_input(results, tmp_path, monkeypatch, paper):
    folder = tmp_path / "papers"
    shutil.copytree(tiny.ROOT / "resources" / "papers", folder)
    monkeypatch.setattr(published, "_FOLDER", folder)
    lines = (folder / f"{paper}.csv").read_text().splitlines()
    cached = (published.digest, published._numbers)

    def write(changed):
        (folder / f"{paper}.csv").write_text("\n".join(changed) + "\n")
        for function in cached:
            function.cache_clear()

    try:
        write([lines[0], *reversed(lines[1:])])
        assert planned() == set()
        fields = [line.split(",") for line in lines[1:]]
        write(
            [
                lines[0],
                *(
                    ",".join([*f[:4], f"{float(f[4]) + 1}" if f[4] else "", *f[5:]])
                    for f in fields
                    if '"' not in "".join(f)
                ),
            ]
        )
        assert {("table", "tiny/cost"), ("table", "tiny/exact_posterior")} <= planned() <= ENDS
        assert stale()["results/tables/tiny/cost.parquet"] == "made with other settings (published)"
        assert any(line.startswith("  table: published ") for line in posterity("plan", "tiny"))
    finally:
        for function in cached:
            function.cache_clear()


def test_inputs_that_are_replaced_under_their_old_times_are_seen(results):
    measurements = f"results/measurements/{D}/sr4.parquet"
    replace(measurements, "measurements")
    names = {f"{D}/sr4/kernel/{n}" for n in ("ddnm", "ddnm_guided", "exact")}
    assert (
        planned()
        == {("posterior", f"{D}/sr4/kernel"), *(("sample", n) for n in names), *(("measure", n) for n in names)} | ENDS
    )
    assert stale()[SAMPLES] == f"made from other inputs ({measurements})"
    assert f"  input {measurements} has changed" in posterity("why", SAMPLES)
    replace(METRICS, "metrics")
    # of a page that is made by hand, of what does not fit together
    settings = {"title": "t", "experiments": ["tiny"]}
    inputs = [Path(METRICS), Path("results/tables/tiny/cost.parquet")]
    facts = dict(page.gather(settings, inputs, Path("results/report/index.html")).facts)
    assert METRICS in facts["out of date"] and "results/tables/tiny/cost.parquet (made from" in facts["out of date"]


def test_weights_and_card_replaced_together_are_seen(results):
    """The network is a user's file; samples record the digest of the weights that they were drawn with."""
    prior = {"kind": "network", "weights": "own/weights.safetensors"}
    edit("config.yaml", lambda c: c.update(priors={"own": prior}))
    edit("experiments/tiny.yaml", lambda c: c["runs"][0].update(prior="own", samplers=["ddnm"]))
    edit("experiments/tiny.yaml", lambda c: c.update(metrics=["lr_psnr"], tables=[], figures=[]))
    files = [Path("own/weights.safetensors"), Path("own/card.json")]
    for folder in ("own", "brought"):
        Path(folder).mkdir()
    for path in (*files, Path("brought/1.png")):
        path.write_bytes(b"as it was published")
        os.utime(path, (1e9, 1e9))
    plan = resolve(load([Path("config/config.yaml")]))
    job = plan.job("sample", D, "sr4", "own", "ddnm")
    path = output(job, plan)

    def write():
        token = store.code.set(job.code)
        identity.start([*files, Path("brought")])
        store.write(path, "samples", [], {"settings": job.settings})
        store.code.reset(token)

    write()
    assert not difference(job, plan).stale
    for one in files:
        one.write_bytes(b"as it is replaced !")  # of the same size
        os.utime(one, (1e9, 1e9))
    assert set(difference(job, plan).inputs) == set(map(str, files))
    assert ("sample", f"{D}/sr4/own/ddnm") in {(j.stage, j.name) for j in dry_run([str(path)], [], SNAKEFILE).running}
    write()
    Path("brought/2.png").touch()
    assert difference(job, plan).inputs == ["brought"]
    Path("own/card.json").unlink()
    Path("brought/2.png").unlink()
    assert not difference(job, plan).stale  # what is gone has no other content


def test_packages_that_are_others_are_told_and_followed_only_when_asked(results, monkeypatch):
    here = store.made_with()["versions"]
    for name, count, stages in (
        ("pyiqa", 3, {"measure"}),
        ("diffusers", 3, {"sample", "measure"}),
        ("pyarrow", 0, set()),
    ):
        monkeypatch.setattr(store, "_versions", lambda name=name: {**here, name: "99.0"})
        told = f"{count} files were made with {name} {here[name]}, here is 99.0; kept, since follow_versions is false"
        expected = [told] if count else []
        assert posterity("plan", "tiny") == ["nothing to do", *expected]
        assert [line for line in posterity("check") if "were made with" in line] == expected and stale() == {}
        edit("config.yaml", lambda c: c.update(follow_versions=True))
        assert {stage for stage, _ in planned()} - {"table", "figure"} == stages
        if count:
            assert f"  {name} {here[name]} → 99.0 (3 jobs: " in "\n".join(posterity("plan", "tiny"))
            assert set(stale().values()) == {f"made with other packages ({name} {here[name]} → 99.0)"}
            assert f"  package {name}: {here[name]} → 99.0" in posterity("why", METRICS if name == "pyiqa" else SAMPLES)
        edit("config.yaml", lambda c: c.pop("follow_versions"))


def test_what_was_damaged_and_deleted_is_made_again(results):
    """A damaged intermediate file that no product needs is remade by the next run."""
    content, times = bytearray(Path(SAMPLES).read_bytes()), os.stat(SAMPLES)
    content[content.index(b"PAR1") + 40] ^= 1
    Path(SAMPLES).write_bytes(content)
    os.utime(SAMPLES, ns=(times.st_atime_ns, times.st_mtime_ns))  # a disk does not tell
    assert planned() == set()
    told = posterity("check", "--delete-damaged")
    assert [line.partition(": ")[0] for line in told][:1] == ["damaged"] and not Path(SAMPLES).exists()
    assert planned() == {("sample", f"{D}/sr4/kernel/ddnm"), ("measure", f"{D}/sr4/kernel/ddnm")} | ENDS
    assert "not done or out of date" in posterity("export", "tiny", code=2)[0]
    tiny.carried_out(results)
    assert planned() == set() and ", 0 stale, 0 damaged, " in posterity("check")[-1]
    Path(SAMPLES).unlink()  # by a person, who wants the room
    assert planned() == set()


def test_other_damaged_files_are_made_again(results):
    damaged = {
        METRICS: {("measure", f"{D}/sr4/kernel/ddnm"), *ENDS},
        "results/tables/tiny/cost.parquet": {("table", "tiny/cost")},
        f"data/datasets/{D}/regions.parquet": {("prepare", D)},
    }
    for name, expected in damaged.items():
        shutil.copy2(name, "whole")
        Path(name).write_bytes(Path("whole").read_bytes()[:-20])
        told = posterity("check", "--delete-damaged")
        assert next(line for line in told if line.startswith("damaged")).startswith(f"damaged: {name}: ")
        found = planned()
        assert expected <= found if ("prepare", D) in expected else found == expected
        shutil.copy2("whole", name)
    assert planned() == set()


def test_a_damaged_asset_is_fetched_when_it_is_needed(results):
    """Files made from the asset before it was damaged are not remade."""
    (asset,) = (path for path in Path("data/assets/openmoji").iterdir() if path.name[0] != ".")
    asset.write_bytes(b"other")
    assert posterity("check", "--delete-damaged")[0].startswith(f"damaged: {asset}: ") and not asset.exists()
    assert planned() == set()


def test_a_damaged_network_is_found(results):
    """Of one that the workflow trained, by the digest in its card."""
    folder = Path("data/priors/openmoji32")
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"whole")
    digest = hashlib.sha256(b"whole").hexdigest()
    (folder / "card.json").write_text(json.dumps({"weights": {"sha256": digest}}))
    assert not [line for line in posterity("check") if line.startswith("damaged")]
    (folder / "weights.safetensors").write_bytes(b"Whole")
    (line,) = (line for line in posterity("check", "--delete-damaged") if line.startswith("damaged"))
    assert line.startswith(f"damaged: {folder}/weights.safetensors: damaged (its SHA-256 differs from the one")
    assert origin.again(folder / "weights.safetensors").exists()


def test_a_figure_that_was_drawn_says_so_and_a_mark_goes_when_the_file_is_made(results):
    figure = Path("results/figures/tiny/exact_distance.svg")
    about = origin.recorded(figure)
    assert about["origin"]["settings"]["figure"] == "exact_distance" and METRICS in about["inputs"]
    assert json.loads(json.dumps(about)) == about and about["versions"] == store.made_with()["versions"]
    origin.again(figure).touch()
    assert planned() == set()  # it is there
    origin.note(figure, {})
    assert not origin.again(figure).exists()
