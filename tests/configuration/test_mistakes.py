"""Every mistake in a value is one line that names the key, the value and what would be valid."""

import pytest
from mistaken import ASSETS, lines, run

from posterity.configuration import ConfigurationError, load, resolve


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
            "config: samplers.ddnm.variants.mine.wrap[1]: coupled_noise wraps the sampler twice; once is enough",
        ),
        (
            {"samplers": {"ddnm": {"wrap": [{"diversity": {"eta": 1}}]}}},
            "config: samplers.ddnm.guided: diversity wraps the sampler twice; once is enough",
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
        (
            {
                "samplers": {
                    "dps": {
                        "variants": {
                            "v": {"overrides": [{"when": {"task": "sr4"}, "wrap": [{"flash": {"severity": "exat"}}]}]}
                        }
                    }
                }
            },
            "config: samplers.dps.variants.v.overrides[0].wrap[0].flash.severity = 'exat': unknown severity; did you "
            "mean 'exact'?",
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
        ({"priors": {"kernel": {"bandwidth": -1}}}, "config: priors.kernel.bandwidth = -1: must be at least 0"),
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


def test_a_name_with_slash_or_blank_is_refused_like_the_wildcards_do(folder):
    for name in ("a/b", "A", "-a", "a b"):
        assert "a name is lower-case" in lines(folder, {"tasks": {name: {"operator": "denoise"}}})[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{x}", "a path cannot hold '{'"),
        ("a\nb", "a path cannot hold '\\n'"),
        ("../../../etc", "leads out of the workflow's folder; give an absolute path"),
        ("a/../..", "leads out of the workflow's folder"),
        ("results/", "must be written as results"),
        ("./results//mine", "must be written as results/mine"),
        (".", "must name a folder of its own"),
        ("-n", "a folder's name cannot begin with '-'"),
        ("@list", "a folder's name cannot begin with '@'"),
        ("~/results", "a folder's name cannot begin with '~'"),
        ("FOLDER/config.yaml", "FOLDER/config.yaml exists and is not a folder"),
        ("FOLDER/config.yaml/results", "FOLDER/config.yaml exists and is not a folder"),
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


def test_values_on_the_command_line_are_read_as_those_in_a_file(folder):
    words = ["items=3", "samplers={ddnm: {settings: {steps: 7, eta: 0.5}}}", "samplers={dps: {settings: {steps: 9}}}"]
    config = load([folder / "config.yaml"], words)
    assert config["items"] == 3
    assert config["samplers"] == {"ddnm": {"settings": {"steps": 7, "eta": 0.5}}, "dps": {"settings": {"steps": 9}}}
    with pytest.raises(ConfigurationError, match=r"^config: --config items: line 1, column 1: 'abc' cannot"):
        load([], ["items=!!int abc"])
    with pytest.raises(ConfigurationError, match=r"^config: --config samplers: line 1, column 8: key 'a' is"):
        load([], ["samplers={a: 1, a: 2}"])


@pytest.mark.parametrize(("part", "key"), [("tasks", "operator"), ("priors", "kind")])
@pytest.mark.parametrize("value", [["inpaint"], {"a": 1}, [], None, 3])
def test_a_kind_that_is_no_name_is_one_line(folder, part, key, value):
    (line,) = lines(folder, {part: {"new": {key: value}}})
    assert line.startswith(f"config: {part}.new.{key} = {value!r}: unknown {key}")
