"""Every mistake is one line that names the key, the value and what would be valid; all are told together."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from posterity.configuration import ConfigurationError, load, merge, resolve
from posterity.configuration.shapes import schema

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "resources" / "assets.yaml"
CONFIG = {"experiments": ["mine"], "items": 2}
RUN = {"dataset": "openmoji-smileys", "tasks": ["sr16"], "prior": "kernel", "samplers": ["ddnm"]}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path / "config"


def lines(folder, config, experiment=None):
    """The mistakes of a configuration whose experiment "mine" is ``experiment``, laid over a valid one."""
    mine = merge({"title": "Mine", "runs": [RUN]}, experiment or {})
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    try:
        resolve(merge(CONFIG, config), folder, ASSETS)
    except ConfigurationError as error:
        return error.lines
    return []


def run(**changes):
    return {"runs": [RUN | changes]}


def test_the_shipped_configurations_are_valid(folder):
    for files in (["config.yaml"], ["config.yaml", "ci.yaml"]):
        assert list(resolve(load([folder / f for f in files]), folder, ASSETS))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"samplers": {"dps": {"settings": {"sclae": 0.5}}}},
            "config: samplers.dps.settings.sclae = 0.5: unknown key; did you mean 'scale'?",
        ),
        (
            {"samplers": {"dps": {"settings": {"scale": -1}}}},
            "config: samplers.dps.settings.scale = -1: must be at least 0",
        ),
        (
            {"samplers": {"ddnm": {"settings": {"eta": "1e-4"}}}},
            "config: samplers.ddnm.settings.eta = '1e-4': must be a finite number, and '1e-4' is text; write 0.0001",
        ),
        (
            {"samplers": {"ddnm": {"settings": {"steps": 2.5}}}},
            "config: samplers.ddnm.settings.steps = 2.5: must be a whole number",
        ),
        (
            {"samplers": {"ddnm": {"method": "ddnmm"}}},
            "config: samplers.ddnm.method = 'ddnmm': unknown method; did you mean 'ddnm'? (valid: ",
        ),
        (
            {"samplers": {"exact": {"guided": {"eta": 1}}}},
            "config: samplers.exact.guided: method exact has no clean prediction to guide",
        ),
        (
            {"samplers": {"exact": {"wrap": [{"diversity": {"eta": 1}}]}}},
            "config: samplers.exact.wrap[0].diversity: method exact has no clean prediction to guide",
        ),
        (
            {"samplers": {"ddnm": {"wrap": [{"coupled_nose": {}}]}}},
            "config: samplers.ddnm.wrap[0] = 'coupled_nose': unknown wrapper; did you mean 'coupled_noise'?",
        ),
        (
            {"samplers": {"ddnm": {"variants": {"mine": {"wrap": [{"coupled_noise": {"group": 1}}]}}}}},
            "config: samplers.ddnm.variants.mine.wrap[0].coupled_noise.group = 1: must be at least 2",
        ),
        (
            {"samplers": {"ddnm": {"variants": {"mine": {"wrap": [{"coupled_noise": {}}, {"coupled_noise": {}}]}}}}},
            "config: samplers.ddnm.variants.mine.wrap[1]: coupled_noise goes around the sampler twice; once is enough",
        ),
        (
            {"samplers": {"ddnm": {"wrap": [{"diversity": {"eta": 1}}]}}},
            "config: samplers.ddnm.guided: diversity goes around the sampler twice; once is enough",
        ),
        (
            {"samplers": {"ddnm": {"guided": {"threshold": 0.1}}}},
            "config: samplers.ddnm.guided: give threshold or rms, not both",
        ),
        (
            {"samplers": {"ddnm": {"guided": {"eta": -0.5}}}},
            "config: samplers.ddnm.guided.eta = -0.5: must be at least 0",
        ),
        (
            {"samplers": {"ddnm": {"guided": {"rms": float("inf")}}}},
            "config: samplers.ddnm.guided.rms = inf: must be a finite number or null",
        ),
        (
            {"samplers": {"dps": {"settings": {"scale": float("nan")}}}},
            "config: samplers.dps.settings.scale = nan: must be a finite number",
        ),
        ({"samplers": {"DDNM": {"method": "ddnm"}}}, "config: samplers.DDNM: a name is lower-case letters"),
        (
            {"samplers": {"dps": {"overrides": [{"when": {"prior": "kernl"}}]}}},
            "config: samplers.dps.overrides[0].when.prior = 'kernl': unknown prior; did you mean 'kernel'?",
        ),
        ({"tasks": {"sr16": {"factor": 3}}}, "config: tasks.sr16.factor = 3: must be one of 2, 4, 8, 16, 32"),
        (
            {"tasks": {"new": {"operator": "inpant"}}},
            "config: tasks.new.operator = 'inpant': unknown operator; did you mean",
        ),
        ({"tasks": {"new": {"sigma_y": 0.1}}}, "config: tasks.new: 'operator' is missing"),
        (
            {"tasks": {"inpaint_half": {"box": [0, 0, 1, 1]}}},
            "config: tasks.inpaint_half: a task of operator inpaint takes exactly one of regions, observed_leads",
        ),
        ({"tasks": {"sr16": 3}}, "config: tasks.sr16 = 3: must be a mapping of names to values"),
        ({"priors": {"kernel": {"bandwidth": 0}}}, "config: priors.kernel.bandwidth = 0: must be greater than 0"),
        (
            {"priors": {"kernel": {"bandwith": 0.1}}},
            "config: priors.kernel.bandwith = 0.1: unknown key; did you mean 'bandwidth'?",
        ),
        (
            {"datasets": {"openmoji-smileys": {"asset": "openmoij"}}},
            "config: datasets.openmoji-smileys.asset = 'openmoij': unknown asset; did you mean 'openmoji'?",
        ),
        (
            {"datasets": {"openmoji-smileys": {"size": 4}}},
            "config: datasets.openmoji-smileys.size = 4: must be at least 8",
        ),
        ({"experiments": ["mien"]}, "config: experiments[0] = 'mien': unknown experiment; did you mean 'mine'?"),
        ({"experiments": []}, "config: experiments = []: needs at least 1"),
        ({"experiments": "mine"}, "config: experiments = 'mine': must be a list"),
        (
            {"priors": {"openmoji32": {"train": {"settings": {"batch": 0}}}}},
            "config: priors.openmoji32.train.settings.batch = 0: must be at least 1",
        ),
        (
            {"priors": {"openmoji32": {"train": {"datasets": {"openmoji-cats": 1}}}}},
            "config: priors.openmoji32.train.datasets = 'openmoji-cats': unknown dataset",
        ),
        (
            {"priors": {"openmoji32": {"train": {"settings": {"learned_variance": True}}}}},
            "config: priors.openmoji32.train.settings.learned_variance = True: an EDM network has no reverse steps",
        ),
        ({"items": 0}, "config: items = 0: must be at least 1"),
        ({"items": "many"}, "config: items = 'many': must be a whole number"),
        ({"sed": 1}, "config: sed = 1: unknown key; did you mean 'seed'?"),
    ],
)
def test_values_of_the_configuration(folder, config, expected):
    found = lines(folder, config)
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        (
            run(dataset="openmoji-smiley"),
            "runs[0].dataset = 'openmoji-smiley': unknown dataset; did you mean 'openmoji-smileys'?",
        ),
        (run(tasks=["sr61"]), "runs[0].tasks[0] = 'sr61': unknown task; did you mean 'sr16'?"),
        (run(prior="kernl"), "runs[0].prior = 'kernl': unknown prior; did you mean 'kernel'?"),
        (
            run(prior="openmoji32"),
            "runs[0].prior = 'openmoji32': it is trained on signals of size 32, 'openmoji-smileys' has 64",
        ),
        (run(samplers=["ddnn"]), "runs[0].samplers[0] = 'ddnn': unknown sampler; did you mean 'ddnm'?"),
        (run(samplers=["exact_guided"]), "runs[0].samplers[0] = 'exact_guided': unknown sampler"),
        (
            run(samplers=["repaint"]),
            "runs[0].samplers = 'repaint': cannot do task 'sr16' with prior 'kernel': needs an inpainting task",
        ),
        (
            run(samplers=["exact"], prior="blocks"),
            "runs[0].samplers = 'exact': cannot do task 'sr16' with prior 'blocks': needs a prior whose posterior",
        ),
        (run(samples=3), "runs[0].samples = 3: must be at least the experiment's count, 5"),
        (run(subsets=["kmean"]), "runs[0].subsets = 'kmean': unknown subset; did you mean 'kmeans'?"),
        (
            run(subsets={"uniformization": {"keep_fraction": 2}}),
            "runs[0].subsets.uniformization.keep_fraction = 2: must be at most 1",
        ),
        (run(subsets={"fps": {"first": 0}}), "runs[0].subsets.fps.first = 0: must be at least 1"),
        (run(subsets=["fps"], features="vg"), "runs[0].features = 'vg': unknown kind of features; did you mean 'vgg'?"),
        (run(sampler="ddnm"), "runs[0].sampler = 'ddnm': unknown key; did you mean 'samplers'?"),
        ({"runs": [{"dataset": "openmoji-smileys"}]}, "runs[0]: 'tasks', 'prior', 'samplers' is missing"),
        ({"metrics": ["psrn"]}, "metrics[0] = 'psrn': unknown metric; did you mean 'psnr'?"),
        ({"tables": ["costs"]}, "tables = 'costs': unknown table; did you mean 'cost'?"),
        ({"figures": ["plane_rule"]}, "figures = 'plane_rule': unknown figure; did you mean 'plane_rules'?"),
        (
            {"study": {"comparisons": [{"study": "coverage", "approach": "fps"}]}},
            "study.comparisons[0].approach = 'fps': unknown subset of this experiment's runs",
        ),
        ({"study": {"comparisons": [{"study": "quality", "approach": "guided"}]}}, "study.comparisons[0]: "),
    ],
)
def test_values_of_an_experiment(folder, experiment, expected):
    found = lines(folder, {}, experiment)
    assert len(found) == 1
    assert found[0].startswith(f"config: experiments.mine.{expected}")


def test_all_mistakes_are_told_at_once(folder):
    config = {"sed": 1, "samplers": {"dps": {"settings": {"sclae": 1}}}}
    assert len(lines(folder, {"samplers": config["samplers"], "tasks": {"sr4": {"factor": 5}}}, run(prior="x"))) == 3


def test_a_broken_sampler_is_not_reported_again_where_it_is_named(folder):
    config = {"samplers": {"ddnm": {"settings": {"steps": 0}}}}
    assert len(lines(folder, config, run(samplers=["ddnm", "ddnm_guided"]))) == 1


def test_all_leaves_out_what_cannot_work(folder):
    (folder / "experiments" / "mine.yaml").write_text(
        yaml.safe_dump({"title": "Mine", "runs": [RUN | {"samplers": "all"}]})
    )
    names = {key[3] for key in resolve(CONFIG, folder, ASSETS).keys("sample")}
    assert names == {
        "copaint", "copaint_guided", "copaint_tt", "ddnm", "ddnm_guided", "ddrm", "ddrm_guided", "diffpir",
        "diffpir_guided", "dps", "dps_guided", "exact", "exact_again", "ilvr", "ilvr_guided", "pgdm",
        "reddiff", "reddiff_v", "vipaint", "vipaint_guided",
    }, "no RePaint and no replacement, which need a mask, and no MGPS, which needs noise"  # fmt: skip


def test_a_name_with_slash_or_blank_is_refused_like_the_wildcards_do(folder):
    for name in ("a/b", "A", "-a", "a b"):
        assert "a name is lower-case" in lines(folder, {"tasks": {name: {"operator": "denoise"}}})[0]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("samplers/ddnm.yaml", "method: ddnm\nmethod: dps\n", "line 2, column 1: key 'method' is given twice"),
        ("samplers/ddnm.yaml", "- method\n", "must map names to values, holds list"),
        ("tasks/tasks.yaml", "sr16: [ddnm\n", "line 2, column 1: did not find expected"),
        ("priors/priors.yaml", "kernel: {{ kernel }}\n", "line 1, column 10: a list or mapping cannot be a key"),
        ("datasets/openmoji-smileys.yaml", "caf\xe9: 1\n".encode("latin-1"), "is not UTF-8 text"),
        ("experiments/ci.yaml", "title: !!int abc\n", "line 1, column 8: 'abc' cannot be read as !!int"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_wherever_it_is_needed(folder, name, text, expected):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    config = {"experiments": ["mine", "ci", "diversity"], "on_request": ["followup"]}
    (line,) = lines(folder, config, run(tasks=["sr16", "sr4"], subsets=["fps"]))
    assert line.startswith(f"config: {folder / name}: {expected}")


def test_an_unreadable_list_of_assets_is_one_line(folder, tmp_path):
    (tmp_path / "assets.yaml").write_text("openmoji: {}\nopenmoji: {}\n")
    with pytest.raises(ConfigurationError) as told:
        resolve(load([folder / "config.yaml"]), folder, tmp_path / "assets.yaml")
    assert told.value.lines == [
        f"config: assets: {tmp_path / 'assets.yaml'}: line 2, column 1: key 'openmoji' is given twice"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{x}", "a path cannot hold '{'"),
        ("a\nb", "a path cannot hold '\\n'"),
        ("../../../etc", "leads out of the workflow's folder; write where it is from the root"),
        ("a/../..", "leads out of the workflow's folder"),
        ("results/", "must be written as results"),
        ("./results//mine", "must be written as results/mine"),
        (".", "must name a folder of its own"),
        ("-n", "a folder's name cannot begin with '-'"),
        ("@list", "a folder's name cannot begin with '@'"),
        ("~/results", "a folder's name cannot begin with '~'"),
        ("FOLDER/config.yaml", "FOLDER/config.yaml is there and is not a folder"),
        ("FOLDER/config.yaml/results", "FOLDER/config.yaml is there and is not a folder"),
        ("x" * 300, "cannot be a folder (File name too long)"),
        ("", "needs at least 1"),
    ],
)
def test_folders_that_cannot_be(folder, text, expected):
    text, expected = (part.replace("FOLDER", str(folder)) for part in (text, expected))
    for key in ("results", "data"):
        (line,) = lines(folder, {key: text})
        assert line.startswith(f"config: {key} = ") and f": {expected}" in line


@pytest.mark.parametrize("text", ["my results", "$(touch pwned)", "результаты", "a/b", "/somewhere/else"])
def test_folders_that_can_be(folder, text):
    assert not lines(folder, {"results": text, "data": text})


@pytest.mark.parametrize("name", ["mine\n", "mi ne", "Mine", "-mine"])
def test_a_name_ends_where_it_seems_to_end(folder, name):
    for config in ({"experiments": [name]}, {"on_request": [name]}, {"tasks": {name: {"operator": "denoise"}}}):
        (line,) = lines(folder, config)
        assert "a name is lower-case letters" in line and "\n" not in line
    (line,) = lines(folder, {"samplers": {"ddnm": {"variants": {name: {}}}}})
    assert "a name is lower-case letters" in line and "\n" not in line


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", "must be a whole number, and '7' is text; write 7"),
        ("7.0", "must be a whole number, and '7.0' is text; write 7"),
        (7.0, "must be a whole number; write 7"),
        (7.5, "must be a whole number"),
        (True, "must be a whole number"),
        (float("inf"), "must be a whole number"),
    ],
)
def test_a_whole_number_is_one(folder, value, expected):
    (line,) = lines(folder, {"samplers": {"ddnm": {"settings": {"steps": value}}}})
    assert line == f"config: samplers.ddnm.settings.steps = {value!r}: {expected}"


def test_very_many_mistakes_are_told_in_few_lines(folder):
    assert len(lines(folder, {f"key{i}": i for i in range(5000)})) == 30
    found = lines(folder, {"experiments": list(range(5000))})
    assert len(found) == 31 and found[-1] == "config: the configuration: 4970 more mistakes"


def test_a_name_that_is_unknown_at_many_places_is_one_line(folder):
    (folder / "datasets" / "openmoji-smileys.yaml").rename(folder / "datasets" / "openmoji-smilies.yaml")
    (folder / "experiments" / "more.yaml").write_text(yaml.safe_dump({"title": "More", "runs": [RUN, RUN]}))
    (line,) = lines(folder, {"experiments": ["mine"]})
    assert line.startswith("config: priors.openmoji64.train.datasets = 'openmoji-smileys': unknown dataset; did you")
    assert re.search(r"\(valid: .*\); also experiments\.\S+\.dataset and \d+ other places$", line)


def test_values_on_the_command_line_are_read_as_those_in_a_file(folder):
    words = ["items=3", "samplers={ddnm: {settings: {steps: 7, eta: 0.5}}}", "samplers={dps: {settings: {steps: 9}}}"]
    config = load([folder / "config.yaml"], words)
    assert config["items"] == 3
    assert config["samplers"] == {"ddnm": {"settings": {"steps": 7, "eta": 0.5}}, "dps": {"settings": {"steps": 9}}}
    with pytest.raises(ConfigurationError, match=r"^config: --config items: line 1, column 1: 'abc' cannot"):
        load([], ["items=!!int abc"])
    with pytest.raises(ConfigurationError, match=r"^config: --config samplers: line 1, column 8: key 'a' is"):
        load([], ["samplers={a: 1, a: 2}"])


def test_a_missing_configuration_file_is_one_line(folder):
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        load([folder / "absent.yaml"])


def test_two_experiments_must_agree_about_what_is_shown(folder):
    (folder / "experiments" / "other.yaml").write_text(yaml.safe_dump({"title": "Other", "count": 4, "runs": [RUN]}))
    found = lines(folder, {"experiments": ["mine", "other"]})
    assert found == [
        "config: experiments.other.count = 4: another experiment shows 5 of openmoji-smileys/sr16/kernel/ddnm"
    ]


TOY = {"prior": "mixture", "dims": [20]}


def test_mistakes_in_closed_form_problems(folder):
    sweep = {"method": "mgps", "vary": ["eta"], "values": [0.5, 2], "settings": {"stps": 9}}
    toys = [TOY | {"prior": "gausian", "samplers": ["dpz"]}, TOY | {"samplers": ["dps"], "sweeps": {"dps": sweep}}]
    assert lines(folder, {}, {"toys": toys}) == [
        "config: experiments.mine.toys[0].prior = 'gausian': unknown closed-form prior; did you mean 'gaussian'? "
        "(valid: mixture, gaussian)",
        "config: experiments.mine.toys[0].samplers[0] = 'dpz': unknown method; did you mean 'dps'? (valid: "
        + ", ".join([*sorted(schema("samplers")), "prior", "exact_score", "recursion)"]),
        "config: experiments.mine.toys[1].sweeps.dps: this name is taken by a sampler",
        "config: experiments.mine.toys[1].sweeps.dps.settings.stps = 9: unknown key; did you mean 'steps'?",
    ]
    del sweep["settings"]
    assert lines(folder, {}, {"toys": [TOY | {"sweeps": {"mine": sweep}}]}) == [
        "config: experiments.mine.toys[0].sweeps.mine.values.eta = 2: must be at most 1"
    ]


def test_one_name_cannot_stand_for_two_jobs_on_closed_form_problems(folder):
    toys = [TOY | {"samplers": ["dps"]}, TOY | {"samplers": ["dps"], "samples": 7}]
    assert lines(folder, {}, {"toys": toys}) == [
        "config: experiments.mine.toys[1] = 'dps': another one is mixture/20/dps with other settings; rename one"
    ]


def test_an_experiment_cannot_have_the_name_of_a_rule_or_of_another_target(folder):
    for name in ("sample", "mi-ne", "mi_ne"):
        (folder / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump({"title": "X", "runs": [RUN]}))
    *targets, unknown = lines(folder, {"on_request": ["nothing"]})
    assert targets == [
        "config: experiments.mi-ne: 'mi_ne' is also mi_ne for snakemake",
        "config: experiments.mi_ne: 'mi_ne' is also mi-ne for snakemake",
        "config: experiments.sample: 'sample' is a rule for snakemake",
    ]
    assert unknown.startswith("config: on_request[0] = 'nothing': unknown experiment (valid: all_papers, ci, ")


def test_a_missing_checkpoint_is_told_once_and_only_where_it_is_asked_for(folder):
    where = {"priors": {"imagenet": {"checkpoint": {"file": "net.pt"}}}}
    found = lines(folder, where, {"runs": [RUN | {"prior": "imagenet"}, RUN | {"prior": "imagenet", "tasks": ["sr4"]}]})
    assert len(found) == 1 and "runs[0].prior = 'imagenet': needs 'net.pt': is not there (Im" in found[0]
    found = lines(folder, where | {"experiments": ["ci"]}, {"runs": [RUN | {"prior": "imagenet"}]})
    assert not found


@pytest.mark.parametrize("name", ["mgps-images-paper", "diversity_paper", "vipaint_paper"])
def test_the_published_scale_is_planned_without_its_files(folder, name):
    assert not lines(folder, {"experiments": [name]})


def test_files_that_are_read_are_there(folder):
    """Those that the workflow fetches come with it."""
    task = {"operator": "nonlinear_blur", "weights": "none.pth"}
    large = {"datasets": {"openmoji-smileys": {"size": 128}}}
    (line,) = lines(folder, large | {"tasks": {"new": task}}, run(tasks=["new"], samplers=["dps"]))
    assert line == "config: experiments.mine.runs[0].tasks[0] = 'new': needs 'none.pth': is not there"
    fetched = {"tasks": {"new": task | {"weights": "data/assets/blur_encoder/GOPRO_wVAE.pth"}}}
    assert not lines(folder, large | fetched, run(tasks=["new"], samplers=["dps"]))
    study = {"comparisons": [{"study": "coverage", "approach": "fps"}], "responses": ["none.json"]}
    (line,) = lines(folder, {}, run(subsets=["fps"]) | {"study": study})
    assert line == "config: experiments.mine.study.responses[0] = 'none.json': is not there"


def test_figures_of_answers_need_answers(folder):
    found = lines(folder, {}, {"figures": ["plane_rules", "study_guidance"]})
    where = "config: experiments.mine.figures = 'study_guidance': is drawn of answers; give `study.responses` or"
    assert len(found) == 1 and found[0].startswith(where)
    (line,) = lines(folder, {}, {"figures": "all"})
    assert "= 'study_subsets', 'study_guidance'," in line and "are drawn of answers" in line


def test_a_dataset_that_is_said_to_be_there_is(folder):
    found = lines(folder, {"datasets": {"imagenet": {"path": "/nowhere/val"}}})
    assert found == ["config: datasets.imagenet.path = '/nowhere/val': is not there"]


def test_an_experiment_laid_over_the_configuration_is_one_of_the_files(folder):
    given = yaml.safe_load((folder / "experiments" / "ci.yaml").read_text())
    assert not lines(folder, given)
    found = lines(folder, given | {"count": 4})
    assert len(found) == 1 and found[0].startswith(
        "config: title, count, runs, metrics, tables, figures: are those of an exp"
    )


def test_runs_that_share_measurements_agree_on_their_number(folder):
    found = lines(folder, {}, {"runs": [RUN | {"items": 3}, RUN | {"samplers": ["ddrm"]}]})
    expected = "config: experiments.mine.runs[1].items = 2: another run measures 3 items of openmoji-smileys/sr16"
    assert found == [expected]


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ({"weights": "none.safetensors"}, "runs[0].prior = 'net': needs 'none.safetensors': is not there"),
        (
            {"checkpoint": {"family": "adm", "file": "none.pt"}, "about": "from the authors' page"},
            "runs[0].prior = 'net': needs 'none.pt': is not there (from the authors' page)",
        ),
        (
            {"checkpoint": {"family": "adm", "asset": "nonet"}},
            "priors.net.checkpoint.asset = 'nonet': unknown asset (valid: openmoji, ",
        ),
        ({"checkpoint": {"family": "adm"}}, "priors.net.checkpoint = {'family': 'adm'}: needs 'asset' or needs 'file'"),
        (
            {"train": {"datasets": {"openmoji-smileys": 1}}, "checkpoint": {"family": "adm", "file": "config"}},
            "priors.net: has both `train` and `checkpoint`; leave one out",
        ),
        ({}, "runs[0].prior = 'net': it has neither `weights` nor `train` nor `checkpoint`"),
        (
            {"checkpoint": {"family": "adn", "file": "none.pt"}},
            "priors.net.checkpoint.family = 'adn': must be one of adm, ddpm, edm, hub; did you mean 'adm'?",
        ),
    ],
)
def test_weights_that_are_not_there(folder, prior, expected):
    told = lines(folder, {"priors": {"net": {"kind": "network", **prior}}}, run(prior="net"))
    assert told[0].removeprefix("config: ").removeprefix("experiments.mine.").startswith(expected)


def asked(folder, experiment):
    """The mistakes of a configuration whose one experiment is this text."""
    (folder / "experiments" / "asked.yaml").write_text(experiment)
    return lines(folder, {"experiments": ["asked"]})


def test_what_an_alias_repeats_is_told_once(folder):
    runs = [RUN | {"tasks": tasks, "samplers": [name]} for tasks in [["sr16", ["sr4"]]] for name in ("ddnm", "ddrm")]
    (line,) = asked(folder, yaml.safe_dump({"title": "Aliased", "runs": runs}))
    assert line == "config: experiments.asked.runs[0].tasks[1] = ['sr4']: must be text"


@pytest.mark.parametrize(("part", "key"), [("tasks", "operator"), ("priors", "kind")])
@pytest.mark.parametrize("value", [["inpaint"], {"a": 1}, [], None, 3])
def test_a_kind_that_is_no_name_is_one_line(folder, part, key, value):
    (line,) = lines(folder, {part: {"new": {key: value}}})
    assert line.startswith(f"config: {part}.new.{key} = {value!r}: unknown {key}")


def test_a_renamed_alternative_is_one_line(folder):
    (line,) = asked(folder, yaml.safe_dump({"title": "Renamed", "runsx": [RUN]}))
    assert line.startswith("config: experiments.asked.runsx = ") and "did you mean 'runs'?" in line
