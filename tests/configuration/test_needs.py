"""Resources that jobs request: as configured, as recorded, or by default; more after every failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posterity.configuration import ConfigurationError, resolve
from posterity.configuration.needs import Needs

ROOT = Path(__file__).parents[2]
KEY = ("faces", "sr4", "net", "dps")
SETTINGS = '{"steps":100}'


def record(folder: Path, settings: str, seconds: float, megabytes: float) -> None:
    """What Snakemake writes with --benchmark-extended."""
    path = folder / "sample" / "faces" / "sr4" / "net" / "dps.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {"s": seconds, "max_rss": megabytes, "params": {"settings": settings, "code": "0", "options": []}}
    path.write_text(json.dumps(line) + "\n")


def asked(needs: Needs, attempt: int = 1) -> tuple[int, int]:
    given = ("sample", KEY, SETTINGS)
    return needs.mem_mb(*given, 4000, attempt), needs.runtime(*given, 240, attempt)


def test_without_a_record_the_default_by_attempt(tmp_path: Path) -> None:
    needs = Needs([], folder=tmp_path)
    assert [asked(needs, n) for n in (1, 2, 3)] == [(4000, 240), (8000, 480), (12000, 720)]


def test_a_record_of_the_same_settings_with_something_to_spare(tmp_path: Path) -> None:
    record(tmp_path, SETTINGS, 3600, 2000)
    needs = Needs([], folder=tmp_path)
    assert asked(needs) == (3500, 90)
    # Snakemake deletes the record before the second attempt
    (tmp_path / "sample" / "faces" / "sr4" / "net" / "dps.jsonl").unlink()
    assert asked(needs, 2) == (8000, 480), "a job that died has shown the record to be wrong"


def test_a_large_record_grows_too(tmp_path: Path) -> None:
    record(tmp_path, SETTINGS, 36000, 20000)
    assert asked(Needs([], folder=tmp_path), 2) == (61000, 1800)


@pytest.mark.parametrize("text", ["", "not json\n", '{"s": 3, "params": null}\n', '{"s": null}\n'])
def test_other_settings_and_broken_records_count_for_nothing(tmp_path: Path, text: str) -> None:
    record(tmp_path, '{"steps":10}', 60, 100)
    assert asked(Needs([], folder=tmp_path)) == (4000, 240)
    (tmp_path / "sample" / "faces" / "sr4" / "net" / "dps.jsonl").write_text(text)
    assert asked(Needs([], folder=tmp_path)) == (4000, 240)


def test_a_record_of_next_to_nothing_asks_for_the_least(tmp_path: Path) -> None:
    record(tmp_path, SETTINGS, 0.1, 1)
    assert asked(Needs([], folder=tmp_path)) == (1000, 10)


def test_the_configuration_has_the_last_word(tmp_path: Path) -> None:
    record(tmp_path, SETTINGS, 60, 100)
    entries = [
        {"prior": "net", "runtime": 700, "mem_mb": 9000, "batch": 16},
        {"stage": "sample", "sampler": "dps", "runtime": 800},
        {"stage": "measure", "sampler": "dps", "runtime": 1},
        {"task": "sr16", "runtime": 2},
    ]
    needs = Needs(entries, frozenset({"net"}), folder=tmp_path)
    assert [asked(needs, n) for n in (1, 2)] == [(9000, 800), (18000, 1600)]
    assert needs.batch(KEY) == 16 and Needs([]).batch(KEY) == 128


def test_networks_alone_want_a_gpu() -> None:
    needs = Needs([{"prior": "net", "sampler": "dps", "gpu": 0}], frozenset({"net"}))
    assert needs.gpu("sample", ("faces", "sr4", "net", "ddrm")) == needs.gpu("train", ("net",)) == 1
    assert needs.gpu("sample", ("faces", "sr4", "kernel", "ddrm")) == needs.gpu("measure", KEY) == 0
    assert needs.gpu("sample", KEY) == 0 and needs.gpu("report", ()) == 0


def test_a_selector_that_selects_nothing_is_a_mistake() -> None:
    entries = [{"prior": "openmoji23", "mem_mb": 5}, {"sampler": "dps", "runtime": 0}, {"stag": "sample"}]
    with pytest.raises(ConfigurationError) as raised:
        resolve({"experiments": ["ci"], "resources": entries[:1]}, ROOT / "config", ROOT / "resources/assets.yaml")
    (line,) = raised.value.lines
    assert "resources[0].prior = 'openmoji23': unknown prior; did you mean 'openmoji32'?" in line
    with pytest.raises(ConfigurationError) as raised:
        resolve({"experiments": ["ci"], "resources": entries[1:]}, ROOT / "config", ROOT / "resources/assets.yaml")
    assert "resources[0].runtime = 0: must be at least 1" in str(raised.value)
    assert "resources[1].stag = 'sample': unknown key; did you mean 'stage'?" in str(raised.value)


def test_several_gpus_are_for_sampling_and_each_has_memory_for_a_process_of_its_own(tmp_path: Path) -> None:
    needs = Needs([{"prior": "net", "gpu": 4}], frozenset({"net"}), folder=tmp_path)
    assert needs.gpu("sample", KEY) == 4
    assert needs.gpu("train", ["net"]) == 1
    assert needs.gpu("sample", ("faces", "sr4", "kernel", "dps")) == needs.gpu("measure", KEY) == 0
    assert asked(needs) == (16000, 240)
    assert Needs([{"prior": "net", "gpu": 0}], frozenset({"net"})).gpu("train", ["net"]) == 0
