"""How mistakes are told: all together, each once, in few lines, also where a file cannot be read."""

import re

import pytest
import yaml
from mistaken import RUN, asked, lines, run

from posterity.configuration import ConfigurationError, load, resolve


def test_all_mistakes_are_told_at_once(folder):
    config = {"sed": 1, "samplers": {"dps": {"settings": {"sclae": 1}}}}
    assert len(lines(folder, {"samplers": config["samplers"], "tasks": {"sr4": {"factor": 5}}}, run(prior="x"))) == 3


def test_a_broken_sampler_is_not_reported_again_where_it_is_named(folder):
    config = {"samplers": {"ddnm": {"settings": {"steps": 0}}}}
    assert len(lines(folder, config, run(samplers=["ddnm", "ddnm_guided"]))) == 1


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


def test_very_many_mistakes_are_told_in_few_lines(folder):
    assert len(lines(folder, {f"key{i}": i for i in range(5000)})) == 30
    found = lines(folder, {"experiments": list(range(5000))})
    assert len(found) == 31 and found[-1] == "config: the configuration: 4970 more mistakes"


def test_a_name_that_is_unknown_at_many_places_is_one_line(folder):
    (folder / "datasets" / "openmoji-smileys.yaml").rename(folder / "datasets" / "openmoji-smilies.yaml")
    (folder / "experiments" / "more.yaml").write_text(yaml.safe_dump({"title": "More", "runs": [RUN, RUN]}))
    (line,) = lines(folder, {"experiments": ["mine"]})
    assert line.startswith("config: autoencoders.openmoji64.train.datasets = 'openmoji-smileys': unknown dataset; did")
    assert re.search(r"\(valid: .*\); also \S+ and \d+ other places$", line)


def test_unknown_names_of_one_list_are_one_line(folder):
    """For instance all variants that a file no longer defines, listed beside those that it does."""
    (told,) = lines(folder, {}, run(samplers=["ddnm", "ddnn", "ddrm", "nobody", "somebody"]))
    first = "config: experiments.mine.runs[0].samplers[1] = 'ddnn': unknown sampler; did you mean 'ddnm'? likewise "
    assert told.startswith(first + "'nobody', 'somebody' (valid: ")
    twice = run(samplers=["nobody", "ddnm"]), run(samplers=["nobody", "somebody", "ddnm"])
    one, other = lines(folder, {}, {"runs": [each["runs"][0] for each in twice]})
    assert one.endswith("; also experiments.mine.runs[1].samplers[0]") and "'somebody'" not in one
    assert other.startswith("config: experiments.mine.runs[1].samplers[1] = 'somebody': unknown sampler (valid: ")


def test_a_missing_configuration_file_is_one_line(folder):
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        load([folder / "absent.yaml"])


def test_what_an_alias_repeats_is_told_once(folder):
    runs = [RUN | {"tasks": tasks, "samplers": [name]} for tasks in [["sr16", ["sr4"]]] for name in ("ddnm", "ddrm")]
    (line,) = asked(folder, yaml.safe_dump({"title": "Aliased", "runs": runs}))
    assert line == "config: experiments.asked.runs[0].tasks[1] = ['sr4']: must be text"


def test_a_renamed_alternative_is_one_line(folder):
    (line,) = asked(folder, yaml.safe_dump({"title": "Renamed", "runsx": [RUN]}))
    assert line.startswith("config: experiments.asked.runsx = ") and "did you mean 'runs'?" in line
