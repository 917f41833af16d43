"""Parts of a configuration that do not go together, and files that they ask for and that are not there."""

import pytest
import yaml
from mistaken import ASSETS, CONFIG, RUN, lines, run

from posterity.configuration import resolve
from posterity.configuration.shapes import schema

TOY = {"prior": "mixture", "dims": [20]}


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


def test_two_experiments_must_agree_about_what_is_shown(folder):
    (folder / "experiments" / "other.yaml").write_text(yaml.safe_dump({"title": "Other", "count": 4, "runs": [RUN]}))
    found = lines(folder, {"experiments": ["mine", "other"]})
    assert found == [
        "config: experiments.other.count = 4: another experiment shows 5 of openmoji-smileys/sr16/kernel/ddnm"
    ]


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
    assert len(found) == 1 and "runs[0].prior = 'imagenet': needs 'net.pt': does not exist (Im" in found[0]
    found = lines(folder, where | {"experiments": ["ci"]}, {"runs": [RUN | {"prior": "imagenet"}]})
    assert not found


@pytest.mark.parametrize("name", ["mgps-images-paper", "diversity_paper", "vipaint_paper", "flash_paper", "ecg_paper"])
def test_the_published_scale_is_planned_without_its_files(folder, name):
    assert not lines(folder, {"experiments": [name]})


def test_files_that_are_read_are_there(folder):
    """Those that the workflow fetches come with it."""
    task = {"operator": "nonlinear_blur", "weights": "none.pth"}
    large = {"datasets": {"openmoji-smileys": {"size": 128}}}
    (line,) = lines(folder, large | {"tasks": {"new": task}}, run(tasks=["new"], samplers=["dps"]))
    assert line == "config: experiments.mine.runs[0].tasks[0] = 'new': needs 'none.pth': does not exist"
    fetched = {"tasks": {"new": task | {"weights": "data/assets/blur_encoder/GOPRO_wVAE.pth"}}}
    assert not lines(folder, large | fetched, run(tasks=["new"], samplers=["dps"]))
    study = {"comparisons": [{"study": "coverage", "approach": "fps"}], "responses": ["none.json"]}
    (line,) = lines(folder, {}, run(subsets=["fps"]) | {"study": study})
    assert line == "config: experiments.mine.study.responses[0] = 'none.json': does not exist"


def test_figures_of_answers_need_answers(folder):
    found = lines(folder, {}, {"figures": ["plane_rules", "study_guidance"]})
    where = "config: experiments.mine.figures = 'study_guidance': is drawn from answers; give `study.responses` or"
    assert len(found) == 1 and found[0].startswith(where)
    (line,) = lines(folder, {}, {"figures": "all"})
    assert "= 'study_subsets', 'study_guidance'," in line and "are drawn from answers" in line


def test_a_dataset_that_is_said_to_be_there_is(folder):
    found = lines(folder, {"datasets": {"imagenet": {"path": "/nowhere/val"}}})
    assert found == ["config: datasets.imagenet.path = '/nowhere/val': does not exist"]


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
        ({"weights": "none.safetensors"}, "runs[0].prior = 'net': needs 'none.safetensors': does not exist"),
        (
            {"checkpoint": {"family": "adm", "file": "none.pt"}, "about": "from the authors' page"},
            "runs[0].prior = 'net': needs 'none.pt': does not exist (from the authors' page)",
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
            "priors.net.checkpoint.family = 'adn': must be one of adm, ddpm, edm, ldm, ldm-churches, ldm-cin256-v2, "
            "ldm-cin256, hub; did you mean 'adm'?",
        ),
    ],
)
def test_weights_that_are_not_there(folder, prior, expected):
    told = lines(folder, {"priors": {"net": {"kind": "network", **prior}}}, run(prior="net"))
    assert told[0].removeprefix("config: ").removeprefix("experiments.mine.").startswith(expected)
