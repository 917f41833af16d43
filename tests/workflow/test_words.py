"""Names with special characters in the configuration or the clone's path reach a job's command unchanged."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_spec = importlib.util.spec_from_file_location("test_dag", Path(__file__).with_name("test_dag.py"))
dag = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(dag)

S = dag.S
HOSTILE = 'it\'s $(touch pwned) `touch pwned`; touch pwned & "ünd" * > pwned'
"""A name that only quotes make a word."""


def workspace(folder):
    """A stand-in for the command that records the words it was called with."""
    dag.workspace(folder)
    noting = "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done >> words.txt; printf '\\n' >> words.txt\n"
    (folder / "bin" / "posterity").write_text(dag.STAND_IN.replace("#!/bin/sh\n", noting))
    return folder


def called(folder, stage):
    """{option: its words} of every call of a stage."""
    calls = [c.split("\n") for c in (folder / "words.txt").read_text().split("\n\n") if c]
    out = []
    for words in (c for c in calls if c[0] == stage):
        given, option = {}, None
        for word in words[1:]:
            if word.startswith("--"):
                option = given.setdefault(word, [])
            else:
                option.append(word)
        out.append(given)
    return out


def test_hostile_names_of_folders_and_files_are_words(tmp_path):
    folder = workspace(tmp_path)
    weights = folder / f"w{HOSTILE}" / "weights.safetensors"
    weights.parent.mkdir()
    weights.touch()
    network = {"dataset": f"{S}-32", "tasks": ["sr4"], "prior": "openmoji32", "samplers": ["ddnm"], "subsets": ["fps"]}
    dag.edit(folder, "experiments/tiny.yaml", lambda c: c["runs"].append(network))
    dag.edit(
        folder, "priors/openmoji32.yaml", lambda c: c["openmoji32"].update(weights=str(weights.relative_to(folder)))
    )
    dag.edit(folder, "config.yaml", lambda c: c.update(results=f"my results {HOSTILE}", data=f"my data {HOSTILE}"))
    done = dag.snakemake(folder, "--quiet", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (folder / "pwned").exists() and sorted(p.name for p in folder.iterdir() if "pwned" in p.name) == [
        f"my data {HOSTILE}",
        f"my results {HOSTILE}",
        f"w{HOSTILE}",
    ]
    drawn = {c["--output"][0]: c for c in called(folder, "sample")}
    output = f"my results {HOSTILE}/samples/{S}-32/sr4/openmoji32/ddnm.parquet"
    assert drawn[output]["--weights"] == [str(weights.relative_to(folder))]
    measured = {c["--output"][0]: c for c in called(folder, "measure")}
    one = measured[output.replace("/samples/", "/metrics/")]
    assert one["--subsets"] == [output.replace("/samples/", "/subsets/")]
    assert one["--assets"] == [f"my data {HOSTILE}/assets"] and one["--samples"] == [output]
    (exact,) = {c["--reference"][0] for c in measured.values() if "--reference" in c}
    assert exact == f"my results {HOSTILE}/samples/{S}/sr16/kernel/exact.parquet"
    # nothing is left to do, and what was noted of the jobs can be read again
    assert dag.planned(folder) == set()


def test_the_environment_of_a_clone_anywhere_is_used_without_being_activated(tmp_path):
    folder = workspace(tmp_path)
    env = tmp_path / "a {clone} of it's $(touch pwned)" / ".venv"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").symlink_to(sys.executable)
    (env / "lib").symlink_to(Path(sys.prefix) / "lib")
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", env)
    (folder / "bin" / "posterity").rename(env / "bin" / "posterity")
    target = f"results/measurements/{S}/sr16.parquet"
    command = [env / "bin" / "python", "-m", "snakemake", "-s", dag.ROOT / "Snakefile", target]
    path = os.pathsep.join(["/usr/bin", "/bin"])
    assert shutil.which("posterity", path=path) is None
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / target).read_text() == "made\n" and not list(tmp_path.rglob("pwned"))
