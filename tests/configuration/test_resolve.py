"""A job's settings, and what changes them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from posterity.configuration import load, merge, resolve
from posterity.configuration.loading import gather
from posterity.configuration.problems import Problems

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "resources" / "assets.yaml"
SMILEYS, FACE = "openmoji-smileys", "inpaint_face"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path / "config"


def plan(folder, **config):
    return resolve(merge(load([folder / "config.yaml"]), config), folder, ASSETS)


def texts(planned):
    return {(job.stage, job.key): job.json for job in planned}


def changed(before, after):
    a, b = texts(before), texts(after)
    return {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}


def test_settings_are_canonical_json(folder):
    for job in plan(folder):
        assert job.json == json.dumps(json.loads(job.json), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_order_comments_and_spelling_of_numbers_change_nothing(folder):
    before = texts(plan(folder))
    for path in folder.rglob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        turned = yaml.safe_dump(dict(reversed(content.items())), sort_keys=False)
        path.write_text("# a comment\n" + turned.replace("0.85", "0.850"))
    assert texts(plan(folder)) == before


def test_one_step_size_changes_that_samplers_jobs_alone(folder):
    differ = changed(plan(folder), plan(folder, samplers={"dps": {"settings": {"scale": 2.5}}}))
    assert {stage for stage, _ in differ} == {"sample"}
    assert {key[3] for _, key in differ} == {"dps", "dps_guided"}


def test_strength_of_guidance_leaves_the_vanilla_sampler_alone(folder):
    differ = changed(plan(folder), plan(folder, samplers={"ddnm": {"guided": {"eta": 0.5}}}))
    assert differ
    assert {key[3] for _, key in differ} == {"ddnm_guided"}


def test_overrides_hold_where_they_say(folder):
    planned = plan(folder, samplers={"ddnm": {"overrides": [
        {"when": {"task": ["sr16"], "dataset": SMILEYS}, "settings": {"eta": 0.1}},
        {"when": {"prior": "kernel", "task": "sr16"}, "settings": {"steps": 7}, "guided": {"threshold": 0.01}},
    ]}})  # fmt: skip

    def sampler(*key):
        return planned.job("sample", *key).settings["sampler"]

    here = sampler(SMILEYS, "sr16", "kernel", "ddnm_guided")
    assert here["settings"] | {"eta": 0.1, "steps": 7} == here["settings"]
    assert here["wrap"] == [{"diversity": {"eta": 0.9, "threshold": 0.01, "rms": None}}]
    assert sampler("openmoji-people", "sr16", "kernel", "ddnm")["settings"]["eta"] == 0.85
    assert sampler(SMILEYS, FACE, "blocks", "ddnm")["settings"]["steps"] == 50
    assert sampler(SMILEYS, FACE, "blocks", "ddnm")["wrap"] == []


def test_every_default_is_written_out(folder):
    settings = plan(folder).job("sample", SMILEYS, FACE, "blocks", "ddnm").settings["sampler"]["settings"]
    assert set(settings) == {"steps", "eta", "travel_length", "travel_repeat"}


@pytest.mark.parametrize(("given", "resolved"), [(None, None), (0.2, 0.2)])
def test_a_reach_without_limit_is_null(folder, given, resolved):
    planned = plan(folder, samplers={"ddnm": {"guided": {"rms": given}}})
    guidance = planned.job("sample", SMILEYS, FACE, "blocks", "ddnm_guided").settings["sampler"]["wrap"][0]["diversity"]
    assert guidance == {"eta": 0.9, "threshold": None, "rms": resolved}


def settled(name, prior, task, dataset="any"):
    """The resolved settings of a shipped sampler under a prior on a task."""
    from posterity.configuration.samplers import catalogue, settle

    samplers = {p.stem: yaml.safe_load(p.read_text()) for p in (ROOT / "config" / "samplers").glob("*.yaml")}
    files = {"prior": "priors", "task": "tasks", "severity": "severities"}
    read = {
        part: {k: v for p in (ROOT / "config" / name).glob("*.yaml") for k, v in yaml.safe_load(p.read_text()).items()}
        for part, name in files.items()
    }
    problems = Problems()
    datasets = [p.stem for p in (ROOT / "config" / "datasets").glob("*.yaml")]
    known = catalogue(samplers, read | {"dataset": datasets}, problems)
    problems.stop()
    return settle(known[name], prior, task, dataset)


def test_the_published_settings_of_the_paper_scale_priors():
    """Canonical D of Tables 4 and 5 after the conversion of what each code counts."""

    def guidance(sampler, prior, task):
        found = settled(f"{sampler}_guided", prior, task)["wrap"][0]["diversity"]
        assert found["rms"] is None
        return found["eta"], found["threshold"]

    assert guidance("ddrm", "celebahq", "sr16_noisy") == (0.8, 0.0004)
    assert guidance("ddnm", "celebahq", "sr16") == (0.8, 0.0005)
    assert guidance("ddnm", "imagenet", "sr4") == (0.8, 0.0003)
    assert guidance("ddnm", "celebahq", FACE) == (0.9, 0.0015)
    assert guidance("ddnm", "imagenet", "inpaint_box") == (0.9, 0.0008)
    assert guidance("dps", "celebahq", "sr16_noisy") == (0.5, None)
    assert guidance("dps", "celebahq", "sr16") == (0.3, 0.001)
    assert guidance("dps", "imagenet", "sr4_noisy") == (0.5, 0.0005)
    assert guidance("dps", "imagenet", "inpaint_box") == (0.5, 0.003)
    assert guidance("repaint", "celebahq", FACE) == (0.3, 0.0014)
    scales = {t: settled("dps", "imagenet", t)["settings"]["scale"] for t in ("sr4", "sr4_noisy", "inpaint_box")}
    assert scales == {"sr4": 3.0, "sr4_noisy": 1.0, "inpaint_box": 2.0}


def test_a_pool_that_several_runs_name_is_one_job_with_the_most_samples(folder):
    planned = plan(folder)
    assert planned.job("sample", SMILEYS, FACE, "blocks", "exact").settings["samples"] == 100
    assert planned.job("sample", SMILEYS, FACE, "blocks", "dps").settings["samples"] == 5
    assert planned.has("select", SMILEYS, FACE, "blocks", "exact")
    assert not planned.has("select", SMILEYS, FACE, "blocks", "dps")


def test_posterior_only_where_it_is_known(folder):
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump({"title": "Mine", "runs": [
        {"dataset": SMILEYS, "tasks": ["sr16", FACE], "prior": "blocks", "samplers": "all"}]}))  # fmt: skip
    planned = plan(folder, experiments=["mine"], on_request=[])
    assert planned.keys("posterior") == [(SMILEYS, FACE, "blocks")]
    assert not planned.has("sample", SMILEYS, "sr16", "blocks", "exact")


def test_an_overlay_replaces_lists_and_merges_mappings():
    merged = merge({"a": {"x": 1, "y": [1, 2]}, "b": 1}, {"a": {"y": [3]}})
    assert merged == {"a": {"x": 1, "y": [3]}, "b": 1}


def test_a_file_of_experiments_may_be_merged_with_every_key_that_an_experiment_has():
    from posterity.configuration import loading
    from posterity.configuration.shapes import schema

    assert {*loading._DEFINITION} == {*schema("parts")["experiment"]["properties"]}
    for path in sorted((ROOT / "config/experiments").glob("*.yaml")):
        problems = Problems()
        assert gather(load([path]), ROOT / "config", problems)["experiments"] == [path.stem]
        problems.stop()


def test_reading_a_configuration_imports_no_heavy_library():
    """Torch is imported only to try a configuration for the first time."""
    code = (
        "import sys, pathlib; from posterity import configuration as c; "
        "c.resolve({'experiments': ['diversity', 'followup', 'ci']}); "
        "print(sorted({'torch', 'pandas', 'matplotlib', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_inverse_problems_are_planned_on_request_alone(folder):
    """All samplers that can do a task do it, and the default experiments are what they were without them."""
    planned = plan(folder)
    assert "mgps-images" in planned.on_request and "mgps-images" not in planned.experiments
    runs = planned.runs["mgps-images"]
    assert len({task for _, task, _, _ in runs}) == 10
    assert {s for _, task, _, s in runs if task == "phase"} == {
        "dps", "mgps", "copaint", "copaint_tt", "reddiff", "reddiff_v",
    }  # fmt: skip
    assert not {k for e in planned.experiments for k in planned.runs[e]} & set(runs)
    degrade = json.loads(planned.job("degrade", SMILEYS, "pool4").json)
    assert degrade["task"]["sigma_y"] == 0.05 and degrade["items"] < 16, "a run may measure fewer items"


def test_the_question_of_vipaint_is_planned_on_request_alone(folder):
    """Every sampler on every mask, beside the exact posterior and its floor; K and its levels are the variants'.

    Fits of other lengths have a task of their own, where no other sampler is compared with them.
    """
    planned = plan(folder)
    assert "vipaint" in planned.on_request and "vipaint" not in planned.experiments
    runs = planned.runs["vipaint"]
    tasks = {"inpaint_bottom", "inpaint_free_form", "inpaint_box"}
    samplers = {"exact", "exact_again", "vipaint2", "vipaint2_early", "vipaint4"}
    samplers |= {"copaint", "dps", "reddiff", "blended"}
    wanted = {(task, "kernel", sampler) for task in tasks for sampler in samplers}
    lengths = {f"{name}{at}" for name in ("vipaint2", "vipaint4") for at in ("", "_at_0", "_at_10", "_at_25")}
    networks = {"openmoji64_latent": {"vipaint2", "dps", "psld", "resample"}, "openmoji64": {"vipaint2", "dps"}}
    wanted |= {("inpaint_window", prior, name) for prior, names in networks.items() for name in names}
    assert {key[1:] for key in runs} == wanted | {("inpaint_window", "kernel", name) for name in lengths}
    assert planned.job("report").settings["further"]["vipaint"].startswith("VIPaint: ")
    levels = {
        name: json.loads(planned.job("sample", SMILEYS, "inpaint_box", "kernel", name).json)["sampler"]["settings"][
            "levels"
        ]
        for name in ("vipaint2", "vipaint4")
    }
    assert levels == {"vipaint2": [550, 400], "vipaint4": [550, 500, 450, 400]}


@pytest.mark.parametrize(
    ("sampler", "prior", "task", "expected"),
    [
        ("mgps", "imagenet", "deblur_motion_256", {"steps": 300, "eta": 0.5, "late_eta": 1.0, "every": 20}),
        ("mgps", "imagenet", "hdr", {"late_eta": 0.5, "every_fits": 10, "last": 10, "rate": 0.03}),
        ("mgps", "ffhq", "pool4", {"steps": 300, "every": 10, "every_fits": 20, "last": 20, "warm_level": 700}),
        ("mgps_50", "ffhq", "pool4", {"steps": 50, "every_fits": 20}),
        ("mgps", "kernel", "pool4", {"steps": 50, "eta": 0.9, "rate": 0.1}),
        ("dps", "ffhq", "pool16", {"steps": 1000, "scale": 2.0}),
        ("dps", "imagenet", "deblur_motion_256", {"steps": 1000, "scale": 0.6}),
        ("dps", "imagenet", "phase", {"scale": 0.8}),
        ("dps", "ffhq", "jpeg2", {"scale": 0.4}),
        ("dps", "ffhq", "hdr", {"scale": 0.14}),
        ("dps", "ffhq", "deblur_nonlinear", {"scale": 0.2}),
        ("dps", "imagenet", "sr4", {"scale": 3.0}),  # another paper's, untouched
        ("dps", "kernel", "sr16", {"steps": 100, "scale": 10.0}),
        ("diffpir", "imagenet", "pool4", {"steps": 1000, "strength": 4.0, "zeta": 0.1}),
        ("diffpir", "imagenet", "inpaint_half_noisy", {"zeta": 1.0}),
        ("pgdm", "ffhq", "pool4", {"steps": 1000, "weight": "code", "init": "noise"}),
        ("ddnm", "imagenet", "pool4", {"steps": 1000, "eta": 0.85}),
        ("ddnm", "imagenet", "sr4", {"steps": 100}),
        ("reddiff", "ffhq", "hdr", {"steps": 1000, "rate": 0.1, "strength": 0.25}),
        ("copaint", "imagenet", "pool4", {"steps": 250, "gradient_steps": 2, "stay": 0.01, "stay_growth": 1.0}),
        ("replacement", "celebahq", FACE, {"steps": 250, "form": "blended"}),
    ],
)
def test_published_settings(sampler, prior, task, expected):
    found = settled(sampler, prior, task)["settings"]
    assert {k: found[k] for k in expected} == expected


def networks(folder, **definition):
    """A plan whose one run uses the network prior "net"."""
    smileys = {"dataset": "openmoji-smileys-32", "tasks": ["sr4"], "prior": "net", "samplers": ["ddnm"]}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump({"title": "Mine", "runs": [smileys]}))
    return plan(folder, experiments=["mine"], priors={"net": {"kind": "network", **definition}})


def test_a_network_that_is_trained_brings_its_data_and_says_every_number(folder):
    train = {"datasets": {"openmoji-people-32": 1}, "settings": {"steps": 7}}
    planned = networks(folder, train=train)
    settings = planned.job("train", "net").settings
    assert settings["training"] | {"steps": 7, "batch": 64, "prediction": "epsilon"} == settings["training"]
    assert settings["split"] == "prior"
    assert planned.has("prepare", "openmoji-people-32")
    assert planned.weights["net"] == "data/priors/net/weights.safetensors"
    # how the weights came about is no setting of the samples: the file is their input
    sample = planned.job("sample", "openmoji-smileys-32", "sr4", "net", "ddnm").settings
    assert sample["prior"] == {"name": "net", "kind": "network"}
    assert not planned.has("posterior", "openmoji-smileys-32", "sr4", "net")
    more = networks(folder, train=train | {"settings": {"steps": 8}})
    assert changed(planned, more) == {("train", ("net",))}


def test_weights_are_a_file_trained_or_converted(folder):
    (folder / "net.safetensors").touch()
    planned = networks(folder, weights=str(folder / "net.safetensors"), label=3, precision="bfloat16", compile=True)
    assert planned.weights["net"] == str(folder / "net.safetensors")
    assert not planned.has("train", "net")
    sample = planned.job("sample", "openmoji-smileys-32", "sr4", "net", "ddnm").settings
    how = {"label": 3, "precision": "bfloat16", "compile": True}
    assert sample["prior"] == {"name": "net", "kind": "network"} | how
    (folder / "net.pt").touch()
    planned = networks(folder, checkpoint={"family": "adm", "file": str(folder / "net.pt"), "settings": {"size": 32}})
    assert planned.checkpoints["net"] == str(folder / "net.pt")
    assert planned.job("convert", "net").settings["settings"] == {"size": 32}


def test_the_command_trains_what_the_file_says(folder):
    from posterity.configuration.training import trained
    from posterity.errors import PosterityError

    settings = trained(folder / "priors" / "openmoji32.yaml", None)
    assert settings == json.loads(json.dumps(plan(folder).job("train", "openmoji32").settings))
    with pytest.raises(PosterityError, match="has 0 priors with `train`"):
        trained(folder / "priors" / "priors.yaml", None)
    with pytest.raises(PosterityError, match="has no prior 'kernel' with `train`"):
        trained(folder / "priors" / "openmoji32.yaml", "kernel")
    with pytest.raises(PosterityError, match="cannot be read"):
        trained(folder / "priors" / "none.yaml", None)


@pytest.mark.parametrize(
    ("sampler", "dataset", "prior", "task", "values", "severity", "c"),
    [
        ("dps", "ffhq-flash", "celebahq_latent", "blur_varying_256", {"scale": 0.1, "steps": 1000}, None, None),
        ("dps", "ffhq-flash", "celebahq", "blur_varying_256", {"scale": 5.0, "steps": 1000}, None, None),
        ("dps_flash_256", "ffhq-flash", "celebahq_latent", "inpaint_varying_256", {"scale": 7.0}, "inpaint_faces", 1.2),
        ("gml_dps", "lsun-bedroom-flash", "lsun_bedroom_latent", "inpaint_varying_256", {"scale": 0.4, "gluing": 0.1},
         None, None),
        ("gml_dps_flash_256", "ffhq-flash", "celebahq_latent", "blur_nonlinear_256", {"scale": 3.0, "gluing": 0.05},
         "nonlinear_faces", 1.2),
        ("psld_flash_256", "ffhq-flash", "celebahq_latent", "inpaint_varying_256", {"scale": 10.0, "gluing": 0.5},
         "inpaint_faces", 1.0),
        ("psld_flash_256", "lsun-bedroom-flash", "lsun_bedroom_latent", "inpaint_varying_256",
         {"scale": 10.0, "gluing": 0.05}, "inpaint_bedrooms", 1.2),
        ("resample", "ffhq-flash", "celebahq_latent", "blur_fixed_256", {"spread": 4000, "steps": 500}, None, None),
        ("resample_flash_256", "lsun-bedroom-flash", "lsun_bedroom_latent", "blur_fixed_256", {"spread": 200},
         "blur_bedrooms", 1.2),
        ("dps_estimate_256", "lsun-bedroom-flash", "lsun_bedroom_latent", "blur_fixed_256", {}, "blur_bedrooms", None),
    ],
)  # fmt: skip
def test_the_published_settings_of_late_starts(sampler, dataset, prior, task, values, severity, c):
    """Table 2 of Fabian et al. 2024, and the encoder trained for the data and the degradation."""
    found = settled(sampler, prior, task, dataset)
    assert {key: found["settings"][key] for key in values} == values
    if severity is None:
        assert found["wrap"] == []
    else:
        (flash,) = (one["flash"] for one in found["wrap"])
        assert (flash["severity"], flash["c"]) == (f"published_{severity}", c)


def test_overrides_of_a_variant_hold_where_they_say_and_after_its_settings():
    from posterity.configuration.samplers import Named, settle

    wrap = [{"flash": {"severity": "exact", "c": c}} for c in (1.0, 0.8)]
    own = {"when": {"task": FACE}, "settings": {"scale": 7.0}, "wrap": wrap[1:]}
    variant = {"settings": {"scale": 3.0}, "wrap": wrap[:1], "overrides": [own]}
    definition = {"method": "dps", "overrides": [{"when": {"task": FACE}, "settings": {"scale": 5.0, "steps": 9}}]}
    here, there = (settle(Named("mine", definition, variant=variant), "kernel", t, SMILEYS) for t in (FACE, "sr4"))
    assert (here["settings"]["scale"], here["settings"]["steps"], here["wrap"][0]["flash"]["c"]) == (7.0, 9, 0.8)
    assert (there["settings"]["scale"], there["settings"]["steps"], there["wrap"][0]["flash"]["c"]) == (3.0, 1000, 1.0)
