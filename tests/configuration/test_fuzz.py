"""Randomly mutated configurations: each is refused with one line per mistake, or is planned completely.

Seeded: mutation 17 is the same on every machine. A mutation changes one thing in one file of config/.
"""

import copy
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from posterity.configuration import ConfigurationError, load, resolve
from posterity.errors import PosterityError
from posterity.stages import _settings
from posterity.study import design

ROOT = Path(__file__).parents[2]
FILES = sorted(p.relative_to(ROOT / "config") for p in (ROOT / "config").rglob("*.yaml"))
PARTS, EACH = 8, 41
PLANNED = 3
"""Accepted mutations for which Snakemake itself plans, which takes seconds."""
VALUES = (
    None, True, False, 0, 1, -1, 3, 7.0, 0.5, -0.5, 1e-4, 10**9, 10**30, float("nan"), float("inf"), float("-inf"), "",
    " ", "1e-4", "a b", "a\nb", "a\n", "$(touch pwned)", "{x}", "{{x}}", "'", '"', "../up", "/", "häßlich", "名前",
    "all", "x" * 300, [], {}, [[]], [None], {"a": {"b": 1}}, [1, 1], {"1": 2}, "null", "-", "@x", "~", "*",
)  # fmt: skip
LINES = (
    "\t- x",
    "experiments: [ci]\nexperiments: [ci]",
    "x: {{ y }}",
    "x: 2026-13-45",
    "x: !!int abc",
    "x: [",
    "x: *a",
)


def nodes(tree, path=()):
    """(path, value) of everything in a tree but its root."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield (*path, key), value
        yield from nodes(value, (*path, key))


def holder(tree, path):
    for key in path[:-1]:
        tree = tree[key]
    return tree


def drop(tree, path, value, dice):
    del holder(tree, path)[path[-1]]


def rename(tree, path, value, dice):
    at, new = holder(tree, path), dice.choice(["nosuch", f"{path[-1]}x", "A", "a b", "", 3, "x\n", "{x}", "名"])
    if isinstance(at, dict):
        at[new] = at.pop(path[-1])
    else:
        at[path[-1]] = new


def replace(tree, path, value, dice):
    holder(tree, path)[path[-1]] = dice.choice(VALUES)


def unknown(tree, path, value, dice):
    """A reference to an undefined name, or an unknown key."""
    at = holder(tree, path)
    if isinstance(at, dict):
        at["nosuch"] = dice.choice(VALUES)
    else:
        at.append("nosuch")


def nest(tree, path, value, dice):
    holder(tree, path)[path[-1]] = dice.choice([[value], {"value": value}, [[value]]])


def twice(tree, path, value, dice):
    at = holder(tree, path)
    if isinstance(at, list):
        at.append(copy.deepcopy(value))
    else:
        at["copy"] = copy.deepcopy(value)


def swap(tree, path, value, dice):
    """Swap a value with another one in the same mapping or list."""
    at = holder(tree, path)
    other = dice.choice(list(at) if isinstance(at, dict) else range(len(at)))
    at[path[-1]], at[other] = at[other], value


def scale(tree, path, value, dice):
    """Move numbers far from their values; replace other values."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return replace(tree, path, value, dice)
    holder(tree, path)[path[-1]] = dice.choice([-value, value * 1000, value / 3, value + 1, str(value), value * 10**9])
    return None


TREES = (drop, rename, replace, replace, unknown, nest, twice, swap, scale, scale)


def mutated(number, folder):
    """Write mutation ``number`` of the shipped configuration into ``folder``; what was done."""
    dice = random.Random(number)
    file = dice.choice(FILES)
    text = (ROOT / "config" / file).read_text()
    if dice.random() < 0.06:
        line = dice.choice(LINES)
        (folder / file).write_text(f"{text}\n{line}\n")
        return file, f"line {line!r}"
    tree = yaml.safe_load(text)
    # what is deep in a file is as likely as its few first keys
    depth, every = dice.choice([1, 2, 2, 3, 4]), list(nodes(tree))
    path, value = dice.choice([node for node in every if len(node[0]) == depth] or every)
    change = dice.choice(TREES)
    change(tree, path, value, dice)
    (folder / file).write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False))
    return file, f"{change.__name__} at {'.'.join(map(str, path))}: {value!r:.60}"


def files_of(folder, file):
    """The configuration that reads the mutated file: an experiment is asked for by name."""
    base = [folder / "config.yaml"]
    if len(file.parts) == 1 and file.name != "config.yaml":
        return [*base, folder / file]
    if file.parts[0] == "experiments":
        (folder / "one.yaml").write_text(yaml.safe_dump({"experiments": [file.stem], "on_request": []}))
        return [*base, folder / "one.yaml"]
    return base


def looked_at(files, folder):
    """(the lines of what is wrong, the plan of what is right)."""
    try:
        return [], resolve(load(files), folder, ROOT / "resources" / "assets.yaml")
    except ConfigurationError as error:
        return error.lines, None


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_mutated_configuration_is_one_line_or_a_whole_plan(part, tmp_path):
    folder, wrong, accepted = tmp_path / "config", [], 0
    shutil.copytree(ROOT / "config", folder)
    for number in range(part * EACH, (part + 1) * EACH):
        file, done = mutated(number, folder)
        what = f"{number}: {file}: {done}"
        try:
            lines, plan = looked_at(files_of(folder, file), folder)
            # of two things that changed places, every part can be a mistake
            if (len(lines) > 1 and not done.startswith("swap")) or any("\n" in line for line in lines):
                wrong.append(f"{what}\n  " + "\n  ".join(lines))
            if plan is not None:
                accepted += 1
                wrong += [f"{what}\n  {said}" for said in refused(plan)]
        except Exception as error:  # noqa: BLE001 - the test is that there is none
            wrong.append(f"{what}\n  {type(error).__name__}: {error}")
        shutil.copy(ROOT / "config" / file, folder / file)
    assert not wrong, f"{len(wrong)} of {EACH}\n" + "\n".join(wrong)
    assert 0 < accepted < EACH


def refused(plan):
    """What a stage would say against the settings that the plan gives it."""
    for job in plan:
        settings = json.loads(job.json)
        try:
            design.parse(settings) if job.stage == "study" else _settings.check(job.stage, settings)
        except PosterityError as error:
            yield f"{job.stage} {job.key}: {error}"


@pytest.mark.slow
def test_snakemake_plans_what_check_accepts(tmp_path):
    folder, seen, number = tmp_path / "config", 0, 10_000
    shutil.copytree(ROOT / "config", folder)
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    command = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile"), "-n", "--quiet"]
    while seen < PLANNED:
        number += 1
        file, done = mutated(number, folder)
        files = files_of(folder, file)
        _, plan = looked_at(files, folder)
        if plan is not None:
            (folder / "data.yaml").write_text(yaml.safe_dump({"data": str(tmp_path / "data")}))
            words = ["--directory", str(tmp_path), "--configfile", *map(str, [*files, folder / "data.yaml"])]
            ran = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{number}: {file}: {done}\n{ran.stdout}{ran.stderr}"
            seen += 1
        shutil.copy(ROOT / "config" / file, folder / file)
