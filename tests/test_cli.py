"""The command line: what it lists, what it says when something is wrong, and that it is what the stages want."""

import errno
import inspect
import json
import os
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from posterity.cli import app

ROOT = Path(__file__).parents[1]
STAGES = (
    "fetch",
    "prepare",
    "degrade",
    "train",
    "convert",
    "posterior",
    "sample",
    "select",
    "measure",
    "distance",
    "table",
    "figure",
    "report",
)
RUN = CliRunner()


def call(*words):
    done = RUN.invoke(app, [str(w) for w in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_help_lists_every_stage_and_imports_no_heavy_library():
    code = (
        "import sys\nfrom posterity.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pyarrow', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(stage in done.stdout for stage in (*STAGES, "study", "verify", "new", "check", "doctor"))
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        *STAGES,
        "study package",
        "study analyse",
        "verify",
        "new sampler",
        "new operator",
        "new metric",
        "check",
        "doctor",
        "plan",
        "why",
        "export",
        "redraw",
        "restore",
    ],
)
def test_every_command_has_help_with_an_example(command):
    done = call(*command.split(), "--help")
    assert done.exit_code == 0
    assert f"Example: posterity {command}" in done.stdout


@pytest.mark.parametrize("command", [*STAGES, "study package", "study analyse"])
def test_the_options_are_what_the_stage_takes(command):
    group = typer.main.get_command(app)
    for word in command.split():
        group = group.commands[word]
    stage = {"package": "study"}.get(command.split()[-1], command.split()[-1])
    wanted = inspect.signature(import_module(f"posterity.stages.{stage}").run).parameters
    required = {name for name, p in wanted.items() if p.default is p.empty and "None" not in str(p.annotation)}
    options = {p.name: p for p in group.params if p.name not in ("help", "name")}
    assert required <= options.keys()
    # these stand for --settings, --inputs and --output
    short = {"train": {"config", "steps", "data", "snakefile"}}.get(command, set())
    assert options.keys() - short <= wanted.keys()
    for name in options:
        needed = name in required and command not in ("fetch", "train")
        assert options[name].required == needed, name


def fails(done, *words):
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_settings_that_are_not_json():
    fails(call("table", "--settings", "{'a'}", "--inputs", "x", "--output", "y"), "--settings is not JSON")
    fails(call("table", "--settings", "[1]", "--inputs", "x", "--output", "y"), "must be a JSON object")
    fails(call("table", "--settings", "@absent.json", "--inputs", "x", "--output", "y"), "absent.json")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("[" * 10**5, "holds lists and objects more than 40 deep"),
        ('{"a":' * 10**5, "holds lists and objects more than 40 deep"),
        ('{"table": "cost", "table": "cost"}', "key 'table' is given twice"),
        ('{"dim": NaN}', "NaN is not a finite number"),
        ('{"dim": 1e999}', "1e999 is not a finite number"),
    ],
)
def test_hostile_settings(settings, told, tmp_path):
    (tmp_path / "a.json").write_text(settings)
    for given in (settings, f"@{tmp_path / 'a.json'}"):
        fails(call("table", "--settings", given, "--inputs", "x", "--output", "y"), "--settings ", told)


def test_settings_that_lack_a_key_name_it(tmp_path):
    done = call("degrade", "--settings", "{}", "--items", "a", "--regions", "b", "--output", tmp_path / "c.parquet")
    fails(done, "--settings lacks 'dataset'")


def test_settings_from_a_file_and_lists_of_inputs(tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"experiment": "e", "table": "cots"}))
    done = call("table", "--settings", f"@{settings}", "--inputs", "a", "b", "c", "--output", tmp_path / "t.parquet")
    fails(done, "table 'cots' does not exist")


def test_a_missing_input_is_one_line(tmp_path):
    settings = json.dumps(
        {"dataset": "d", "task": {"name": "t", "operator": "denoise", "sigma_y": 0}, "items": 1, "seed": 0}
    )
    done = call(
        "degrade", "--settings", settings, "--items", tmp_path / "absent.parquet", "--regions", "absent.parquet",
        "--output", tmp_path / "c.parquet",
    )  # fmt: skip
    fails(done, "absent.parquet does not exist")


def test_an_output_that_cannot_be_is_told_before_the_work(monkeypatch, tmp_path):
    from posterity.stages import distance

    monkeypatch.setattr(distance, "run", lambda *_, **__: pytest.fail("it began"))
    (tmp_path / "device").symlink_to("/dev/full")
    for output in (tmp_path, tmp_path / "device", tmp_path / "device" / "a.parquet"):
        fails(call("distance", "--settings", "{}", "--output", output), f"cannot write {output}: ")


def test_an_unknown_asset_is_one_line(monkeypatch):
    monkeypatch.chdir(ROOT)
    fails(call("fetch", "vgg61"), "asset 'vgg61' does not exist", "vgg16")


def test_interruption_and_a_full_disk_are_one_line(monkeypatch, tmp_path):
    from posterity.stages import table

    arguments = (
        "table",
        "--settings",
        '{"experiment":"e","table":"cost"}',
        "--inputs",
        "a",
        "--output",
        tmp_path / "t",
    )

    def stops(error):
        def run(settings, *, inputs, output):
            raise error

        monkeypatch.setattr(table, "run", run)
        return call(*arguments)

    done = stops(KeyboardInterrupt())
    assert (done.exit_code, len(done.stderr.splitlines())) == (130, 1)
    fails(stops(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "t")), "no space left on device")


def test_what_a_stage_writes_says_which_code_made_it(tmp_path):
    from posterity.artifacts import store
    from posterity.configuration.fingerprint import fingerprint

    store.write(tmp_path / "regions.parquet", "regions", [], {})
    store.write(tmp_path / "items.parquet", "items", _items(), {})
    settings = {"dataset": "d", "task": {"name": "t", "operator": "denoise", "sigma_y": 0.1}, "items": 1, "seed": 0}
    done = call(
        "degrade", "--settings", json.dumps(settings), "--items", tmp_path / "items.parquet",
        "--regions", tmp_path / "regions.parquet", "--output", tmp_path / "y.parquet",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    about = store.provenance(tmp_path / "y.parquet")
    assert about["code"] == fingerprint("degrade", settings)
    assert about["origin"]["settings"] == settings
    assert about["modules"]["stages.degrade"] and "samplers.dps" not in about["modules"]
    again = shlex.split(about["command"])
    assert again[:3] == ["posterity", "degrade", "--settings"] and json.loads(again[3]) == settings
    made = (tmp_path / "y.parquet").read_bytes()
    assert call(*again[1:]).exit_code == 0
    assert (tmp_path / "y.parquet").read_bytes() == made


def _items():
    import torch

    from posterity.artifacts import images

    row = {"dataset": "d", "item": "i", "name": "i", "group": "g", "split": "test", "attributes": []}
    return [row | {"signal": images.encode(torch.zeros(3, 8, 8))}]


def test_check_tells_all_mistakes_and_fails(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("sed: 1\nitems: none\n")
    done = call("check", "config/config.yaml", overlay)
    assert done.exit_code == 1
    assert "config: sed = 1: unknown key; did you mean 'seed'?" in done.stderr
    assert "config: items = 'none': must be a whole number" in done.stderr
    assert done.stderr.splitlines()[-1] == "2 mistakes"


def test_check_counts_what_is_missing_and_what_is_stale(monkeypatch, tmp_path):
    from posterity.artifacts import store
    from posterity.configuration import load, resolve

    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    job = resolve(load([Path("config/config.yaml"), Path("config/ci.yaml")])).job(
        "degrade", "openmoji-smileys", "inpaint_face"
    )
    path = tmp_path / "results/ci/measurements/openmoji-smileys/inpaint_face.parquet"

    def checked(settings, code):
        token = store.code.set(code)
        store.write(path, "measurements", [], {"settings": settings})
        store.code.reset(token)
        done = call("check", "config/config.yaml", "config/ci.yaml")
        assert done.exit_code == 0
        return done.stdout

    assert " 1 ok, 0 stale, " in checked(job.settings, job.code)
    assert "made by other code" in checked(job.settings, "other")
    assert "made with other settings (items)" in checked(dict(job.settings) | {"items": 99}, job.code)


def test_doctor_tells_what_there_is(monkeypatch):
    monkeypatch.chdir(ROOT)
    done = call("doctor")
    assert done.exit_code == 0
    for word in ("python", "torch", "cores", "device", "free disk", "asset vgg16"):
        assert word in done.stdout


def test_doctor_tells_once_where_each_missing_asset_comes_from(monkeypatch, tmp_path):
    from posterity.assets import load

    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    (tmp_path / "data" / "by_hand").mkdir(parents=True)
    (tmp_path / "data" / "by_hand" / "celeba_hq.ckpt").touch()
    lines = [line for line in call("doctor").stdout.splitlines() if line.startswith("asset ")]
    assert [line.split()[1] for line in lines] == [f"{name}:" for name in load()]
    told = dict(line.removeprefix("asset ").split(": ", 1) for line in lines)
    assert told["vgg16"] == "absent: posterity fetch vgg16"
    assert told["sdedit-celebahq"] == "at hand, in data/by_hand/celeba_hq.ckpt"
    assert told["imagenet-val"] == (
        "absent: get ILSVRC2012_img_val.tar at https://image-net.org/challenges/LSVRC/2012/2012-downloads.php (an "
        "account at image-net.org and its terms) and put it at data/by_hand/ILSVRC2012_img_val.tar"
    )


def test_gates_pass_and_print_what_speaks_up():
    done = call("gates", "--seeds", 1, "--fault", "a mode dropped")
    assert done.exit_code == 0, done.output
    (dropped,) = [line for line in done.output.splitlines() if line.startswith("a mode dropped") and "mixture" in line]
    assert "100%" in dropped


def test_gates_that_fail_are_red_and_wrong(monkeypatch):
    """A statistic that misses what it promises to see, and one that accuses exact draws."""
    from posterity.certificates.gates import Gate
    from posterity.commands import gates

    missed = Gate("modes", "a mode dropped", "mixture", 0.2, caught=False, claimed=True)
    accused = Gate("modes", "exact", "mixture", 0.8, caught=True, claimed=False)
    beside = Gate("modes", "shared noise", "mixture", 0.8, caught=True, claimed=False)
    assert gates._wrong(missed) and gates._wrong(accused) and not gates._wrong(beside)
    monkeypatch.setattr("posterity.certificates.gates.gates", lambda **_: [beside, accused])
    assert call("gates", "--seeds", 1).exit_code == 1


@pytest.mark.parametrize("words", [("--fault", "a mode droped"), ("--tier", "fast")])
def test_gates_name_what_does_not_exist(words):
    done = call("gates", *words)
    assert done.exit_code != 0 and words[1] in str(done.output) + str(done.exception)
