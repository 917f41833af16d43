"""`check` reports in one line what a job would fail on, by running the job's own code."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from posterity import datasets, figures, tables
from posterity.configuration import ConfigurationError, merge, products, resolve
from posterity.configuration.known import own
from posterity.configuration.products import Made
from posterity.errors import PosterityError
from posterity.tables.frames import Frames
from posterity.tables.pools import LEAST

ROOT = Path(__file__).parents[2]
RUN = {"dataset": "openmoji-smileys", "tasks": ["sr16"], "prior": "kernel", "samplers": ["ddnm"]}
TOY = {"prior": "gaussian", "dims": [4]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("possible") / "config"
    shutil.copytree(ROOT / "config", made)
    return made


def lines(folder, config, experiment):
    mine = {"title": "Mine", "runs": [RUN]} | experiment
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    try:
        resolve(merge({"experiments": ["mine"], "items": 2}, config), folder, ROOT / "resources" / "assets.yaml")
    except ConfigurationError as error:
        return [line.removeprefix("config: ") for line in error.lines]
    return []


def run(**changes):
    return {"runs": [RUN | changes]}


@pytest.mark.parametrize(
    ("task", "size", "said"),
    [
        ({"operator": "inpaint", "pixels": [0.8, 0.7]}, 64, "expected the smaller number first"),
        ({"operator": "inpaint", "pixels": [1, 1]}, 64, "hides every pixel"),
        ({"operator": "inpaint", "box": [0.75, 0.25, 0.25, 0.75]}, 64, "is empty"),
        ({"operator": "inpaint", "box": [0, 0, 1, 1]}, 64, "hides every pixel"),
        ({"operator": "inpaint", "box": [0.5, 0.5, 0.501, 0.501]}, 64, "hides no pixel"),
        ({"operator": "inpaint", "random_box": [0.9, 0.2]}, 64, "do not fit"),
        ({"operator": "inpaint", "expand": 0}, 64, "hides every pixel"),
        ({"operator": "inpaint", "window": [0.99, 1]}, 64, "no mask in 1000 draws"),
        ({"operator": "inpaint", "regions": ["nose"]}, 64, "there is no mask for region 'nose'; regions: eyes"),
        ({"operator": "inpaint", "objects": ["parts"]}, 64, "there is no mask for region 'parts'"),
        ({"operator": "sr", "factor": 32}, 48, "factor 32 must divide the sides"),
        ({"operator": "pool", "factor": 32}, 48, "factor 32 must divide the sides"),
        ({"operator": "hadamard", "ratio": 3}, 64, "must be a power of 2 that ratio 3 divides"),
        ({"operator": "hadamard", "ratio": 2}, 48, "must be a power of 2"),
        ({"operator": "jpeg", "quality": 50}, 40, "sides divisible by 16"),
        ({"operator": "motion_blur", "size": 4, "intensity": 0.5}, 64, "expected an odd number of pixels"),
        ({"operator": "motion_blur", "size": 100001, "intensity": 0.5}, 64, "expected at most 1023 pixels"),
        ({"operator": "blur", "width": [3, 1]}, 64, "expected the smaller number first"),
        ({"operator": "blur", "width": 1.0e300}, 64, "at most 1000"),
        ({"operator": "phase", "oversampling": 0.001}, 64, "adds no pixel"),
        ({"operator": "phase", "oversampling": 1000000}, 64, "at most 64"),
        ({"operator": "dense", "measured": 1000000}, 64, "does not fit into memory"),
        ({"operator": "nonlinear_blur", "weights": "resources/assets.yaml"}, 64, "sides divisible by 128"),
    ],
)  # fmt: skip
def test_an_operator_that_cannot_be_on_the_images_of_a_run(folder, task, size, said):
    changes = {"tasks": {"new": task}, "datasets": {"openmoji-smileys": {"size": size}}}
    (line,) = lines(folder, changes, run(tasks=["new"], samplers=["dps"]))
    assert line.startswith("tasks.new: for images of dataset 'openmoji-smileys', ") and said in line


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ({"select": "smileys-nosuch"}, "select is 'smileys-nosuch', expected one of smileys, people"),
        ({"count": 4}, "count is 4, but a data set of OpenMoji is prepared whole; leave it out"),
        ({"kind": "lsun", "select": "dog"}, "select is 'dog', expected one of bedroom, church, cat"),
        ({"kind": "lsun", "select": "cat-flash"}, "select is 'flash', expected one of all"),
        ({"kind": "celebamask", "select": "nosuch"}, "select is 'nosuch', expected one of all, flash"),
        ({"kind": "partimagenet", "select": "all"}, "select is 'all', expected one of train, val, test"),
        ({"kind": "photos", "select": "half"}, "select is 'half', expected 'all'"),
    ],
)
def test_a_selection_that_selects_nothing(folder, dataset, said):
    (line,) = lines(folder, {"datasets": {"openmoji-smileys": dataset}}, {})
    assert line.startswith(f"datasets.openmoji-smileys: {said}")


def test_an_ecg_has_no_mirror_image(folder):
    """Of images it is a setting of the kernel prior."""
    mirror = {"priors": {"kernel": {"mirror": True}}}
    assert lines(folder, mirror, {}) == []
    (line,) = lines(folder, mirror, run(dataset="ecg-beats", tasks=["ecg_from_i_noiseless"]))
    assert line.startswith("priors.kernel: for ECGs of dataset 'ecg-beats', ") and "mirrored ECG" in line


def test_a_toeplitz_covariance_is_not_for_images(folder):
    (line,) = lines(folder, {}, run(prior="gaussian_toeplitz"))
    assert line.startswith("priors.gaussian_toeplitz: for images of dataset 'openmoji-smileys', 64×64: ")
    assert line.endswith("toeplitz is for signals in time, not for images; use stationary or dense")
    assert lines(folder, {}, run(prior="gaussian_toeplitz", dataset="ecg-generated", tasks=["ecg_block"])) == []


def test_every_kind_of_dataset_tells_what_is_known_before_it_is_prepared():
    """A folder of one's own is told in tests/datasets/test_folder.py."""
    from importlib import import_module

    selected = {
        "openmoji": "people",
        "partimagenet": "val",
        "lsun": "church",
        "ecg_generated": "beats",
        "ecg_real": "beats",
        "ptbxl": "raw100",
    }
    for kind in (kind for kind in datasets.names() if not own(kind)):
        found = import_module(f"posterity.datasets.{kind}").outline(selected.get(kind, "all"), None)
        assert found.most > 0 and "test" in found.splits


@pytest.mark.parametrize(
    ("changes", "experiment", "said"),
    [
        ({"items": 10_000_000}, {}, "items = 10000000: dataset 'openmoji-smileys' has 23 test items at most"),
        ({"items": 10**9}, {}, "items = 1000000000: must be at most 10000000"),
        ({}, run(items=24), "experiments.mine.runs[0].items = 24: dataset 'openmoji-smileys' has 23 test items"),
        ({}, run(samples=10**9), "experiments.mine.runs[0].samples = 1000000000: must be at most 100000"),
        ({}, {"toys": [TOY | {"samplers": ["dps"], "instances": 10**9}]},
         "experiments.mine.toys[0].instances = 1000000000: must be at most 100000"),
        ({}, {"toys": [TOY]}, "experiments.mine.toys[0]: names neither `samplers` nor `sweeps`"),
        ({}, run(samples=6, subsets={"uniformization": {"keep_fraction": 0.5}}),
         "experiments.mine.runs[0].subsets.uniformization: out of 6 samples: keep_fraction 0.5 leaves 3 samples"),
        ({}, run(samples=20, subsets={"fps": {"first": 2}}),
         "experiments.mine.runs[0].subsets.fps: out of 20 samples: count 5 is not between 1 and the pool's 2"),
        ({"datasets": {"openmoji-smileys": {"size": 8}}},
         run(tasks=["sr4"], samples=9, subsets=["fps"], features="lpips"),
         "experiments.mine.runs[0].features = 'lpips': features 'lpips' need sides of 16 px"),
        ({}, {"runs": [RUN | {"dataset": "photos", "samples": 9, "subsets": ["fps"]}]},
         "experiments.mine.runs[0].features = 'attributes': the items of dataset 'photos' do not differ"),
        ({"priors": {"kernel": {"split": "prior"}}}, run(dataset="ffhq"),
         "priors.kernel: for images of dataset 'ffhq', 256×256: the prior is made of the split 'prior'"),
        ({"priors": {"blocks": {"regions": ["nose"]}}}, run(prior="blocks", tasks=["inpaint_box"]),
         "priors.blocks: for images of dataset 'openmoji-smileys', 64×64: prior region 'nose' is none of"),
        ({}, run(prior="blocks", tasks=["inpaint_box"], dataset="openmoji-people"),
         "priors.blocks: for images of dataset 'openmoji-people', 64×64: prior region 'eyes_large' is none of"),
        ({"priors": {"kernel": {"weights": {"attribute": "wings", "share": 0.5}}}}, {},
         "priors.kernel: for images of dataset 'openmoji-smileys', 64×64: prior weights: all or none of the items"),
        ({"autoencoders": {"patches8": {"patch": 7}}}, run(prior="kernel_latent", samplers=["dps"]),
         "priors.kernel_latent: for images of dataset 'openmoji-smileys', 64×64: patches of 7 × 7 do not tile"),
        ({"autoencoders": {"patches8": {"components": 49}}}, run(prior="kernel_latent", samplers=["dps"]),
         "priors.kernel_latent: for images of dataset 'openmoji-smileys', 64×64: autoencoder: 49 components of patch"),
        ({"priors": {"kernel": {"autoencoder": "vae"}}}, run(prior="gaussian"),
         "priors.kernel.autoencoder = 'vae': unknown autoencoder (valid: patches8, patches4, patches2x4, openmoji64, "),
        ({"priors": {"blocks": {"autoencoder": "patches8"}}}, {}, "priors.blocks.autoencoder = 'patches8': unkn"),
        ({}, run(prior="kernel_latent"),
         "experiments.mine.runs[0].samplers = 'ddnm': cannot do task 'sr16' with prior 'kernel_latent': needs a prior "
         "of signals (after a decoder no operator has a mask, pseudo-inverse or SVD)"),
        ({}, run(prior="kernel_latent", samplers=["dps_guided"]),
         "experiments.mine.runs[0].samplers = 'dps_guided': cannot do task 'sr16' with prior 'kernel_latent': needs a "
         "reach in units of latent states: its rms 0.4 is for signals; override it `when` the prior is this"),
    ],
)  # fmt: skip
def test_more_than_there_is_or_other_than_there_is(folder, changes, experiment, said):
    (line,) = lines(folder, changes, experiment)
    assert line.startswith(said), line


def test_a_reach_of_states_is_given_for_the_prior_by_name(folder):
    reach = {"when": {"prior": ["kernel_latent"]}, "guided": {"rms": 1.0}}
    changes = {"samplers": {"dps": {"overrides": [reach]}}}
    assert lines(folder, changes, run(prior="kernel_latent", samplers=["dps_guided"])) == []
    (line,) = lines(folder, changes, run(prior="gaussian_latent", samplers=["dps_guided"]))
    assert "with prior 'gaussian_latent': needs a reach in units of latent states" in line


LATE = {"method": "dps", "wrap": [{"flash": {"severity": "exact"}}]}


MINE = [{"flash": {"severity": "mine"}}]
TRAIN = {"dataset": "openmoji-smileys", "datasets": {"openmoji-smileys": 1}, "task": "sr4"}


def test_a_late_start_has_its_severity_estimated_first(folder):
    fixed = {"method": "dps", "variants": {"late_too": {"wrap": [{"flash": {"severity": "fixed_100"}}]}}}
    mine = {"title": "Mine", "runs": [RUN | {"prior": "kernel_latent", "samplers": ["late", "late_too", "dps"]}]}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    config = {"experiments": ["mine"], "items": 2, "samplers": {"late": LATE, "other": fixed}}
    plan = resolve(config, folder, ROOT / "resources" / "assets.yaml")
    key = ("openmoji-smileys", "sr16", "kernel_latent")
    assert plan.keys("severity") == [(*key, "exact"), (*key, "fixed_100")]
    settings = plan.job("severity", *key, "fixed_100").settings
    assert settings["severity"] == {"name": "fixed_100", "kind": "fixed", "time": 100, "by": "adjoint"}
    assert settings["prior"]["autoencoder"]["components"] == 8
    assert "openmoji-smileys" in plan.job("train_severity", "encoder_blur").settings["dataset"]
    assert plan.job("severity", *key, "exact").code != plan.job("severity", *key, "fixed_100").code


def test_the_experiment_flash_is_planned_on_request_with_its_severities():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert "flash" in config["on_request"] and "flash" not in config["experiments"]
    plan = resolve(config | {"on_request": ["flash"]}, ROOT / "config", ROOT / "resources" / "assets.yaml")
    blur = ("openmoji-smileys-32", "blur_varying", "kernel_latent_32")
    named = {key[3] for key in plan.keys("severity") if key[:3] == blur}
    assert named == {"exact", "fixed_20", "fixed_100", "encoder_blur"}
    told = plan.job("severity", *blur, "encoder_blur").settings["severity"]
    assert told == {"name": "encoder_blur", "kind": "encoder"}, "how it came by its weights is no setting of its jobs"
    assert plan.encoders["encoder_blur"] == "resources/severities/encoder_blur/weights.safetensors"
    trained = plan.job("train_severity", "encoder_blur").settings
    assert trained["autoencoder"] == plan.job("sample", *blur, "dps").settings["prior"]["autoencoder"]
    assert trained["task"] | {"name": blur[1]} == plan.job("degrade", *blur[:2]).settings["task"]
    assert plan.has("prepare", "openmoji-people-32"), "it is trained on these, too"
    late = plan.job("sample", *blur, "dps_flash").settings["sampler"]
    assert late["wrap"][0]["flash"] == {"severity": "exact", "c": 1.0, "init": "calibrated", "multiplier": 1.0,
                                          "time": None}  # fmt: skip
    assert late["settings"] == plan.job("sample", *blur, "dps").settings["sampler"]["settings"]
    assert plan.has("table", "flash", "flash") and plan.has("figure", "flash", "restorations")


@pytest.mark.parametrize(
    ("changes", "experiment", "said"),
    [
        ({"samplers": {"late": {"method": "dps", "wrap": [{"flash": {"severity": "exacct"}}]}}}, {},
         "samplers.late.wrap[0].flash.severity = 'exacct': unknown severity; did you mean 'exact'?"),
        ({"samplers": {"late": {"method": "dps", "wrap": [{"flash": {}}]}}}, {},
         "samplers.late.wrap[0].flash: 'severity' is missing"),
        ({"samplers": {"late": {"method": "reddiff", "wrap": [{"flash": {"severity": "exact"}}]}}}, {},
         "samplers.late.wrap[0].flash: method reddiff has no noisy state to begin late from"),
        ({"severities": {"mine": {"kind": "fixed"}}}, {}, "severities.mine: 'time' is missing"),
        ({"severities": {"mine": {"kind": "fixed", "time": 1000}}}, {}, "severities.mine.time = 1000: must be at most"),
        ({"severities": {"mine": {"kind": "encoder"}}, "samplers": {"late": {"method": "dps", "wrap": MINE}}},
         run(samplers=["late"]),
         "severities.mine: experiments.mine.runs[0] uses it for a late start, "
         "and it has neither `weights` nor `train`"),
        ({"severities": {"mine": {"kind": "encoder", "weights": "absent/weights.safetensors"}},
          "samplers": {"late": {"method": "dps", "wrap": MINE}}}, run(samplers=["late"]),
         "severities.mine.weights = 'absent/weights.safetensors': does not exist"),
        ({"severities": {"mine": {"kind": "encoder", "train": TRAIN | {"dataset": "faces"}}}}, {},
         "severities.mine.train.dataset = 'faces': unknown dataset of `datasets`"),
        ({"severities": {"mine": {"kind": "encoder", "train": TRAIN | {"task": "sr5"}}}}, {},
         "severities.mine.train.task = 'sr5': unknown task"),
        ({"severities": {"mine": {"kind": "encoder", "train": TRAIN | {"autoencoder": "vae"}}}}, {},
         "severities.mine.train.autoencoder = 'vae': unknown autoencoder"),
        ({"severities": {"mine": {"kind": "encoder", "train": TRAIN | {"settings": {"width": 12}}}}}, {},
         "severities.mine.train.settings.width = 12: "),
        ({"severities": {"mine": {"kind": "encod"}}}, {}, "severities.mine.kind = 'encod': unknown kind"),
        ({"samplers": {"late": LATE}}, run(samplers=["late"], prior="kernel", tasks=["jpeg2"]),
         "experiments.mine.runs[0].samplers = 'late': cannot do task 'jpeg2' with prior 'kernel': needs a prior whose"),
        ({"samplers": {"late": {"method": "dps", "wrap": [{"flash": {"severity": "fixed_50"}}]}}},
         run(samplers=["late"], prior="kernel_latent", tasks=["jpeg2"]),
         "experiments.mine.runs[0].samplers = 'late': cannot do task 'jpeg2' with prior 'kernel_latent': needs an "
         "adjoint"),
    ],
)  # fmt: skip
def test_a_late_start_that_cannot_be(folder, changes, experiment, said):
    (line,) = lines(folder, changes, experiment)
    assert line.startswith(said), line


NETWORK = {"kind": "network", "train": {"datasets": {"openmoji-smileys": 1}}}
POINTS = {"kind": "kernel", "bandwidth": 0, "autoencoder": "mine"}
BEHIND = NETWORK | {"autoencoder": "mine"}
"""A network that is trained on states."""


def stored_card(folder, signals, states):
    """The weights and the card of an autoencoder, as far as a configuration looks at them."""
    path = folder / "mine" / "weights.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    card = {"signal_shape": signals, "state_shape": states, "weights": {"sha256": 64 * "0"}}
    path.with_name("card.json").write_text(json.dumps(card))
    return str(path)


@pytest.mark.parametrize(
    ("autoencoder", "prior", "experiment", "said"),
    [
        ({"kind": "network"}, POINTS, {},
         "autoencoders.mine: experiments.mine.runs[0] is of its states, and it has neither `weights` nor `train` nor "),
        ({"kind": "network", "checkpoint": {"family": "vq-f4", "file": "absent.ckpt"}}, POINTS, {},
         "autoencoders.mine.checkpoint.file = 'absent.ckpt': does not exist"),
        (NETWORK | {"checkpoint": {"family": "vq-f4", "file": "absent.ckpt"}}, POINTS, None,
         "autoencoders.mine: has both `train` and `checkpoint`; leave one out"),
        ({"kind": "network", "checkpoint": {"family": "vq-f3", "file": "absent.ckpt"}}, POINTS, None,
         "autoencoders.mine.checkpoint.family = 'vq-f3': must be one of vq-f4, kl-f8, vq-f8, hub"),
        ({"kind": "network", "weights": "absent/weights.safetensors"}, POINTS, {},
         "autoencoders.mine.weights = 'absent/weights.safetensors': does not exist"),
        ({"kind": "network", "train": {"datasets": {"openmoji": 1}}}, POINTS, None,
         "autoencoders.mine.train.datasets = 'openmoji': unknown dataset"),
        ({"kind": "network", "train": {"datasets": {"faces": 1}, "settings": {"width": 12}}}, POINTS, None,
         "autoencoders.mine.train.settings.width = 12: "),
        (NETWORK, POINTS, {"dataset": "openmoji-people-32"},
         "experiments.mine.runs[0].prior = 'mine': its autoencoder is trained on images of dataset 'openmoji-smileys', "
         "64×64, not for images of dataset 'openmoji-people-32', 32×32"),
        (NETWORK, POINTS | {"bandwidth": 0.1}, {"samplers": ["exact"]},
         "experiments.mine.runs[0].samplers = 'exact': cannot do task 'sr16_noisy' with prior 'mine': needs a prior "
         "whose posterior"),
        (NETWORK, POINTS, {"samplers": ["exact"], "tasks": ["sr16"]},
         "experiments.mine.runs[0].samplers = 'exact': cannot do task 'sr16' with prior 'mine': needs a prior whose"),
        ({"kind": "patch_pca", "patch": 4, "components": 4},
         {"kind": "network", "train": {"datasets": {"openmoji-smileys": 1}}, "autoencoder": "mine"}, {},
         "priors.mine.autoencoder = 'mine': is fitted to images, which a network prior does not read"),
        ({"kind": "patch_pca", "patch": 4, "components": 4}, BEHIND, None,
         "priors.mine.autoencoder = 'mine': is fitted to images, which a network prior does not read"),
        ({"kind": "network"}, BEHIND, None,
         "autoencoders.mine: priors.mine is trained on its states, and it has neither `weights` nor `train` nor "),
        ({"kind": "network", "weights": "absent/weights.safetensors"}, BEHIND, None,
         "autoencoders.mine.weights = 'absent/weights.safetensors': does not exist"),
        ({"kind": "network", "weights": "resources/autoencoders/openmoji64/weights.safetensors"},
         BEHIND | {"train": {"datasets": {"openmoji-people-32": 1}}}, None,
         "priors.mine.train.datasets = 'openmoji-people-32': autoencoder 'mine' is for signals of shape [3, 64, 64], "
         "not for images of dataset 'openmoji-people-32', 32×32"),
        (NETWORK, BEHIND | {"train": {"datasets": {"openmoji-people-32": 1}}}, None,
         "priors.mine.train.datasets = 'openmoji-people-32': autoencoder 'mine' is for signals of shape [3, 64, 64], "),
    ],
)  # fmt: skip
def test_a_network_as_an_autoencoder_that_cannot_be(folder, autoencoder, prior, experiment, said):
    changes = {"autoencoders": {"mine": autoencoder}, "priors": {"mine": prior}}
    asked = (
        {}
        if experiment is None
        else run(**{"prior": "mine", "samplers": ["dps"], "tasks": ["sr16_noisy"]} | experiment)
    )
    found = lines(folder, changes, asked)
    assert any(line.startswith(said) for line in found) and len(found) <= (2 if experiment is None else 1), found


@pytest.mark.parametrize(
    ("signals", "states", "said"),
    [
        ([3, 32, 32], [4, 8, 8],
         "experiments.mine.runs[0].prior = 'mine': the card of its autoencoder is for signals of shape [3, 32, 32],"),
        ([3, 64, 64], [4, 8, 8],
         "priors.mine.autoencoder = 'mine': makes states of shape [4, 8, 8], the prior's card is for"),
        ([3, 64, 64], [4, 16, 16],
         "priors.mine.autoencoder = 'mine': the prior is trained on states of an autoencoder with SHA-256 ba0b2bb4b88"),
    ],
)  # fmt: skip
def test_an_autoencoder_whose_card_does_not_fit(folder, signals, states, said):
    """The prior is a network of states of another autoencoder."""
    weights = stored_card(folder, signals, states)
    own = ROOT / "resources/priors/openmoji64_latent/weights.safetensors"
    prior = POINTS if signals == [3, 32, 32] else {"kind": "network", "weights": str(own), "autoencoder": "mine"}
    changes = {"autoencoders": {"mine": {"kind": "network", "weights": weights}}, "priors": {"mine": prior}}
    (line,) = lines(folder, changes, run(prior="mine", samplers=["dps"], tasks=["sr16_noisy"]))
    assert line.startswith(said), line


def test_an_encoder_of_severities_for_states_of_a_network_is_refused(folder):
    changes = {"severities": {"mine": {"kind": "encoder", "train": TRAIN | {"autoencoder": "openmoji64"}}}}
    (line,) = lines(folder, changes, {})
    assert line.startswith("severities.mine.train.autoencoder = 'openmoji64': is a network; an encoder is trained for")


def test_points_behind_a_network_are_planned_with_their_posterior_and_its_file(folder):
    mine = {"title": "Mine", "runs": [RUN | {"prior": "mine", "tasks": ["sr16_noisy", "jpeg2"], "samplers": "all"}]}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    config = {"experiments": ["mine"], "items": 2, "autoencoders": {"mine": NETWORK}, "priors": {"mine": POINTS}}
    plan = resolve(config, folder, ROOT / "resources" / "assets.yaml")
    drawn = {key[3] for key in plan.keys("sample") if key[1] == "sr16_noisy"}
    assert {"dps", "mgps", "reddiff", "gml_dps", "psld", "resample", "exact"} <= drawn and "ddrm" not in drawn
    key = ("openmoji-smileys", "jpeg2", "mine")
    assert plan.has("posterior", *key), "points have one for every operator under noise"
    told = plan.job("posterior", *key).settings["prior"]["autoencoder"]
    assert told == {"name": "mine", "kind": "network", "quantise_in_guidance": True}
    assert plan.autoencoders["mine"] == "data/autoencoders/mine/weights.safetensors"
    assert plan.job("train_autoencoder", "mine").settings["training"]["family"] == "patches"


def test_every_sampler_that_a_latent_prior_can_have_is_planned(folder):
    mine = {"title": "Mine", "runs": [RUN | {"prior": "kernel_latent", "tasks": ["sr16_noisy"], "samplers": "all"}]}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    plan = resolve({"experiments": ["mine"], "items": 2}, folder, ROOT / "resources" / "assets.yaml")
    drawn = {key[3] for key in plan.keys("sample")}
    assert {"dps", "mgps", "reddiff", "gml_dps", "psld", "resample", "resample_repository", "exact"} <= drawn
    assert not drawn & {"ddnm", "ddrm", "diffpir", "pgdm", "ilvr", "dps_guided", "mgps_guided"}
    prior = plan.job("sample", "openmoji-smileys", "sr16_noisy", "kernel_latent", "dps").settings["prior"]
    assert prior["autoencoder"] == {"kind": "patch_pca", "patch": 4, "components": 8}
    assert plan.has("posterior", "openmoji-smileys", "sr16_noisy", "kernel_latent")


def test_what_follows_from_one_mistake_is_in_its_line(folder):
    (line,) = lines(folder, {"tasks": {"new": {"operator": "inpaint", "free_form": [0.4, 0.8, "x"]}}}, {})
    assert line == "tasks.new.free_form = [0.4, 0.8, 'x']: takes at most 2"
    two = RUN | {"tasks": ["sr16", "sr4"]}
    (line,) = lines(folder, {}, {"runs": [two, two | {"items": 3, "samplers": ["dps"]}]})
    of = "openmoji-smileys"
    assert line == f"experiments.mine.runs[1].items = 3: another run measures 2 items of {of}/sr16, {of}/sr4"
    of_both = [["sr16"]]
    options = {"restorations": {"task": of_both}, "priors": {"task": of_both}}
    (line,) = lines(folder, {}, {"figures": options})
    assert line == "experiments.mine.figures.priors: task.0 = ['sr16']: Input should be a valid string"


LEARNED = {"datasets": {"ptbxl-whole": 1}, "classes": ["CRBBB"]}
ECG = {"dataset": "ptbxl-whole", "tasks": ["ecg_from_i"], "prior": "gaussian_unseen", "samplers": ["exact"]}


def test_a_run_is_classified_by_a_network_that_is_trained_first(folder):
    mine = {"title": "Mine", "runs": [ECG | {"classifier": "mine"}], "tables": ["ecg_classes"]}
    (folder / "experiments" / "mine.yaml").write_text(yaml.safe_dump(mine))
    config = {"experiments": ["mine"], "items": 2, "classifiers": {"mine": {"train": LEARNED}}}
    plan = resolve(config, folder, ROOT / "resources" / "assets.yaml")
    key = ("ptbxl-whole", "ecg_from_i", "gaussian_unseen", "exact")
    assert plan.job("classify", *key).settings == {"classifier": "mine"}
    assert plan.classifiers["mine"] == "data/classifiers/mine/weights.safetensors"
    trained = plan.job("train_classifier", "mine").settings
    assert trained["classes"] == ["CRBBB"] and trained["split"] == "prior" and trained["training"]["width"] == 64
    assert plan.has("prepare", "ptbxl-whole") and plan.has("table", "mine", "ecg_classes")
    # another run of the experiment is not classified
    assert plan.keys("classify") == [key]


@pytest.mark.parametrize(
    ("classifier", "changes", "said"),
    [
        ({"train": LEARNED}, {"classifier": "min"},
         "experiments.mine.runs[0].classifier = 'min': unknown classifier; did you mean 'mine'?"),
        ({}, {}, "classifiers.mine: experiments.mine.runs[0] uses it, and it has neither `weights` nor `train`"),
        ({"weights": "absent/weights.safetensors"}, {},
         "classifiers.mine.weights = 'absent/weights.safetensors': does not exist"),
        ({"train": {"datasets": {"ptbxl-whole": 1}}}, {}, "classifiers.mine.train: 'classes' is missing"),
        ({"train": LEARNED | {"classes": []}}, {}, "classifiers.mine.train.classes = []: needs at least 1"),
        ({"train": LEARNED | {"settings": {"threshold": "best"}}}, {},
         "classifiers.mine.train.settings.threshold = 'best': must be one of youden, f1"),
        ({"train": LEARNED | {"datasets": {"ptb-xl": 1}}}, {},
         "classifiers.mine.train.datasets = 'ptb-xl': unknown dataset"),
        ({"train": LEARNED | {"datasets": {"ecg-generated": 1}}}, {},
         "classifiers.mine.train.datasets = 'ecg-generated': has no split 'validation', on which thresholds are chosen "
         "(it has prior, test)"),
        ({"train": LEARNED | {"datasets": {"openmoji-smileys": 1}}}, {},
         "classifiers.mine.train.datasets = 'openmoji-smileys': a classifier is trained on ECGs, not on images of"),
        ({"train": LEARNED | {"settings": {"crop": 961}}}, {"classifier": None},
         "classifiers.mine.train.datasets = 'ptbxl-whole': the settings' crop is 961 samples, longer than"),
        ({"train": LEARNED}, RUN,
         "experiments.mine.runs[0].classifier = 'mine': it is of ECGs, not of images of dataset 'openmoji-smileys'"),
        ({"train": LEARNED}, {"dataset": "ecg-beats"},
         "experiments.mine.runs[0].classifier = 'mine': it reads 250 samples at once, longer than"),
    ],
)  # fmt: skip
def test_a_classifier_that_cannot_be(folder, classifier, changes, said):
    told = {k: v for k, v in (ECG | {"classifier": "mine"} | changes).items() if v is not None}
    (line,) = lines(folder, {"classifiers": {"mine": classifier}}, {"runs": [told]})
    assert line.startswith(said), line


@pytest.mark.parametrize("value", [True, [], float("nan"), float("inf"), "0.5", -1, 2, None, {}])
def test_a_sweep_of_a_reference_takes_what_the_reference_takes(folder, value):
    sweep = {"method": "recursion", "vary": ["eta"], "values": [0.25, value]}
    (line,) = lines(folder, {}, {"toys": [TOY | {"sweeps": {"mine": sweep}}]})
    assert line.startswith("experiments.mine.toys[0].sweeps.mine.values.eta = "), line


def test_a_reference_that_cannot_follow_a_mixture(folder):
    sweep = {"method": "recursion", "vary": ["eta"], "values": [0.25, 0.5]}
    (line,) = lines(folder, {}, {"toys": [TOY | {"prior": "mixture", "sweeps": {"mine": sweep}}]})
    assert line.startswith("experiments.mine.toys[0].sweeps.mine.method = 'recursion': follows the moments of")
    sweep = {"method": "prior", "vary": ["steps"], "values": [1, 2]}
    (line,) = lines(folder, {}, {"toys": [TOY | {"sweeps": {"mine": sweep}}]})
    assert line.startswith("experiments.mine.toys[0].sweeps.mine.vary = 'steps': unknown setting")


def test_small_images_have_metrics_that_are_not_available_and_are_no_mistake(folder):
    small = {"datasets": {"openmoji-smileys": {"size": 8}}}
    assert not lines(folder, small, run(tasks=["sr4"]) | {"metrics": ["ssim", "lpips", "niqe", "coverage"]})


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        ({"tables": ["toy_distance"]}, "tables = 'toy_distance': needs closed-form problems with `samplers`"),
        ({"tables": ["guidance"], "metrics": ["psnr"]}, "tables = 'guidance': needs a sampler and its"),
        ({"tables": ["inpainting"], "metrics": ["psnr"]}, "tables = 'inpainting': needs metrics of a task of operator"),
        ({"tables": ["quality"]}, "tables = 'quality': needs metrics"),
        ({"tables": ["ecg_classes"]}, "tables = 'ecg_classes': needs a run with a `classifier`"),
        ({"tables": ["subsets"], "metrics": ["diversity"]}, "tables = 'subsets': needs subsets"),
        ({"figures": ["hierarchy"]}, "figures = 'hierarchy': needs a pool of at least 20 samples"),
        ({"figures": ["subsets_gallery"]}, "figures = 'subsets_gallery': needs the subsets random, kmeans"),
        ({"figures": ["toy_sweeps"]}, "figures = 'toy_sweeps': needs closed-form problems with `sweeps`"),
        ({"figures": ["eta_gallery"]}, "figures = 'eta_gallery': needs one sampler with two strengths"),
    ],
)  # fmt: skip
def test_a_table_or_figure_of_what_the_experiment_does_not_make(folder, experiment, said):
    (line,) = lines(folder, {}, experiment)
    assert line.startswith(f"experiments.mine.{said}") and line.endswith("which the experiment does not make")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nosuch": 1}, "unknown key 'nosuch'"),
        ({"items": -1}, "items = -1: "),
        ({"task": 3}, "task"),
        ({"sampler": "dps"}, "needs a run of sampler dps, which the experiment does not make"),
    ],
)
def test_an_option_that_a_figure_does_not_have(folder, options, said):
    (line,) = lines(folder, {}, {"figures": {"restorations": options}})
    assert line.startswith("experiments.mine.figures") and said in line
    assert not lines(folder, {}, {"figures": {"restorations": {"items": 2, "sampler": ["ddnm"]}}})


def test_all_tables_are_those_that_can_be_made(folder):
    assert not lines(folder, {}, {"tables": "all", "metrics": ["psnr"]})
    (folder / "experiments" / "mine.yaml").write_text(
        yaml.safe_dump({"title": "Mine", "runs": [RUN], "tables": "all", "metrics": ["psnr"]})
    )
    planned = resolve({"experiments": ["mine"], "items": 2}, folder, ROOT / "resources" / "assets.yaml")
    assert {name for _, name in planned.keys("table")} == {"answers", "super_resolution", "quality", "cost"}


def test_what_products_need_is_what_they_miss():
    """Without anything made, exactly those that say so are refused, and each refuses an empty set of artifacts."""
    nothing = Made({}, {}, {}, {}, (), (), {})
    for package, module in (("tables", tables), ("figures", figures)):
        for name in module.names():
            lack = products.lacking(package, name, nothing)
            product, frames = module.find(name), Frames([], name)
            try:
                product.cells(frames) if package == "tables" else product.draw(frames, {})
            except (PosterityError, ValueError):
                assert lack, name
            else:
                assert lack is None, name
    assert LEAST == products._POOL


@pytest.mark.parametrize(
    ("changes", "asked", "said"),
    [
        ({}, {"tasks": ["sr4"]}, "tasks.sr4: for ECGs of dataset 'ecg-beats', 8×70: operator sr is of images"),
        ({}, {"tasks": ["inpaint_box"]}, "a signal of shape (8, 70) needs one of observed_leads"),
        ({}, {"features": "vgg"}, "features 'vgg' are of images, these are ECGs; choose attributes, patch"),
        ({}, {"features": "attributes"}, "do not differ in attributes; choose other features"),
        ({"datasets": {"ecg-beats": {"select": "rhythm"}}}, {}, "select is 'rhythm', expected one of records, beats"),
    ],
)
def test_what_is_of_images_alone_is_refused_for_ecgs(folder, changes, asked, said):
    ecg = {"dataset": "ecg-beats", "tasks": ["ecg_from_i"], "prior": "kernel_beats", "features": "patch"}
    (line,) = lines(folder, changes, run(**ecg | {"samplers": ["exact"], "subsets": ["fps"], "samples": 10} | asked))
    assert said in line
