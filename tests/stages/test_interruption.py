"""SIGTERM finishes the current item, SIGKILL loses no finished item, damaged parts are remade: same result."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sampling_job

from posterity.artifacts import store
from posterity.cli import app
from posterity.errors import Again
from posterity.jobs import parent_process, resume
from posterity.jobs.interruption import between_items
from posterity.priors.training import Trainer
from posterity.stages import distance, measure, sample, train

pytestmark = pytest.mark.slow

ITEMS = [f"item{i}" for i in range(6)]
SETTINGS = sampling_job.settings(steps=150, samples=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sampling_job.inputs(tmp_path_factory.mktemp("interruption"), ITEMS, 12)


def draw(folder: Path, name: str = "samples") -> Path:
    """One item at a time."""
    output = folder / f"{name}.parquet"
    given = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS}
    sample.run(SETTINGS, **given, output=output, batch=2)
    return output


def fitted(folder: Path, name: str = "fitted", batch: int = 2) -> Path:
    """A sampler that fits something to each item."""
    output = folder / f"{name}.parquet"
    given = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS}
    sizes = {"iterations": 20, "draws": 4, "steps": 40}
    settings = SETTINGS | {"sampler": {"name": "vipaint2", "method": "vipaint", "settings": sizes, "wrap": []}}
    sample.run(settings, **given, output=output, batch=batch)
    return output


def gauge(folder: Path, name: str = "metrics") -> Path:
    output = folder / f"{name}.parquet"
    settings = {"count": 2, "metrics": ["psnr", "ssim", "lr_psnr", "sliced_wasserstein"], "seed": 0}
    measure.run(
        settings, samples=draw(folder), measurements=folder / "measurements.parquet", subsets=None, posterior=None,
        reference=folder / "samples.parquet", assets=folder, output=output,
    )  # fmt: skip
    return output


def far(folder: Path, name: str = "distances") -> Path:
    output = folder / f"{name}.parquet"
    runs = [{"method": "ddnm", "settings": {"steps": 20}}]
    settings = {"prior": "mixture", "dim": 8, "name": "ddnm", "first": 0, "instances": 5, "samples": 50, "seed": 0}
    distance.run(settings | {"directions": 50, "runs": runs}, output=output)
    return output


def content(path: Path) -> list[dict[str, Any]]:
    """All rows without the seconds, which differ between runs."""
    table = store.read(path, store.provenance(path)["kind"])
    return table.drop_columns([c for c in ("seconds",) if c in table.column_names]).to_pylist()


def parts(output: Path) -> list[Path]:
    return sorted(output.parent.glob(f".{output.stem}.parts/*/[!.]*.parquet"))


def wait_for(output: Path, so_many: int) -> None:
    """Wait until this many parts exist."""
    until = time.monotonic() + 60
    while len(parts(output)) < so_many and time.monotonic() < until:
        time.sleep(0.001)


@pytest.fixture
def after_two(request: pytest.FixtureRequest) -> Iterator[Callable[[Path, int], None]]:
    """Sends this process a signal as soon as two parts are there."""
    threads = []

    def arm(output: Path, number: int) -> None:
        def watch() -> None:
            wait_for(output, 2)
            os.kill(os.getpid(), number)

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield arm
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("stage", [draw, fitted, gauge, far])
def test_sigterm_finishes_the_current_item_and_the_next_run_the_rest(
    folder: Path, stage: Callable[..., Path], after_two: Callable[[Path, int], None]
) -> None:
    whole = content(stage(folder, "whole"))
    output = folder / "asked.parquet"
    after_two(output, signal.SIGTERM)
    with pytest.raises(Again, match=r"after [2-5] of \d (items|instances)") as raised:
        stage(folder, "asked")
    kept = {p: p.stat().st_mtime_ns for p in parts(output)}
    assert f"after {len(kept)} of" in str(raised.value), "what was in hand is kept"
    assert not output.exists()
    first = time.time_ns()
    stage(folder, "asked")
    assert all(made < first for made in kept.values())
    assert content(output) == whole
    assert parts(output) == []
    output.unlink()


def test_items_that_are_fitted_together_are_fitted_as_alone(folder: Path) -> None:
    alone, together = (content(fitted(folder, f"of-{batch}", batch)) for batch in (2, 128))
    assert [row["signal"] for row in alone] == [row["signal"] for row in together]


def test_sigkill_loses_only_the_current_item(folder: Path) -> None:
    whole = content(draw(folder, "whole"))
    output, seen = folder / "killed.parquet", dict[Path, int]()
    for so_many in (1, 3, 5):
        child = os.fork()
        if child == 0:
            draw(folder, "killed")
            os._exit(0)
        wait_for(output, so_many)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        now = {p: p.stat().st_mtime_ns for p in parts(output)}
        assert len(now) >= so_many
        assert {p: now[p] for p in seen} == seen, "no finished item was made twice"
        seen = now
    draw(folder, "killed")
    assert content(output) == whole


def test_a_second_process_waits_for_the_first_and_makes_nothing_twice(folder: Path) -> None:
    whole = content(draw(folder, "whole"))
    output, seen = folder / "both.parquet", dict[Path, set[int]]()
    children = []
    for _ in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            draw(folder, "both")
            os._exit(0)
        wait_for(output, 1)
    # the first dies in the middle, and the second goes on from what it kept
    wait_for(output, 3)
    os.kill(children[0], signal.SIGKILL)
    while os.waitpid(children[1], os.WNOHANG) == (0, 0):
        for path in parts(output):
            try:
                seen.setdefault(path, set()).add(path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue
        time.sleep(0.001)
    os.waitpid(children[0], 0)
    assert content(output) == whole
    assert len(seen) >= 3 and all(len(times) == 1 for times in seen.values())


@pytest.mark.parametrize("stage", [draw, far])
def test_an_unrecorded_output_is_restored(folder: Path, stage: Callable[..., Path]) -> None:
    """A workflow killed before it records the end of a job deletes the output later and asks for it again."""

    def again(delete: bool) -> tuple[int, int]:
        if delete:
            output.unlink()
        found = stage(folder, "unheard").stat()
        return found.st_ino, found.st_mtime_ns

    output = stage(folder, "unheard")
    first = output.stat()
    put_back = again(delete=True)
    assert put_back[0] == first.st_ino and put_back[1] > first.st_mtime_ns
    # an output that is there is made anew, because that was asked for; and one whose end was noted, too
    assert again(delete=False)[0] != first.st_ino
    resume.forget(output)
    assert not list(folder.glob(".unheard.parts"))
    held = output.open("rb")  # no other file gets its number while it is open
    assert again(delete=True)[0] != os.fstat(held.fileno()).st_ino
    held.close()


def test_a_damaged_copy_is_made_again(folder: Path) -> None:
    whole = content(draw(folder, "spoilt"))
    (folder / "spoilt.parquet").unlink()
    (kept,) = folder.glob(".spoilt.parts/*/.whole.parquet")
    kept.write_bytes(kept.read_bytes()[:-50])
    assert content(draw(folder, "spoilt")) == whole


def test_parts_of_a_job_that_has_not_ended_are_not_forgotten(
    folder: Path, after_two: Callable[[Path, int], None]
) -> None:
    output = folder / "unfinished.parquet"
    after_two(output, signal.SIGTERM)
    with pytest.raises(Again):
        draw(folder, "unfinished")
    before = parts(output)
    resume.forget(output)
    assert before and parts(output) == before


def test_an_orphaned_job_does_not_publish_its_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No workflow would record its settings or its end."""
    whole, output = content(draw(folder, "whole")), folder / "orphaned.parquet"
    dead = subprocess.Popen(["true"])
    dead.wait()
    monkeypatch.setenv(parent_process.VARIABLE, str(dead.pid))
    with pytest.raises(Again, match=r"the workflow that asked for .*orphaned\.parquet has ended"):
        draw(folder, "orphaned")
    kept = {p: p.stat().st_mtime_ns for p in parts(output)}
    assert len(kept) == len(ITEMS) and not output.exists()
    # nor does what was made before and is put back
    monkeypatch.delenv(parent_process.VARIABLE)
    draw(folder, "orphaned")
    output.unlink()
    monkeypatch.setenv(parent_process.VARIABLE, str(dead.pid))
    with pytest.raises(Again):
        draw(folder, "orphaned")
    assert not output.exists()
    monkeypatch.setenv(parent_process.VARIABLE, str(os.getppid()))
    assert content(draw(folder, "orphaned")) == whole


def test_a_restored_output_leaves_no_parts(folder: Path) -> None:
    """A job may die while it deletes its parts."""
    output = draw(folder, "half")
    (kept,) = folder.glob(".half.parts/*/.whole.parquet")
    shutil.copy(kept, kept.with_name("item3.parquet"))
    output.unlink()
    draw(folder, "half")
    assert output.samefile(kept) and parts(output) == []


def test_a_damaged_part_is_made_again(
    folder: Path, caplog: pytest.LogCaptureFixture, after_two: Callable[[Path, int], None]
) -> None:
    whole = content(draw(folder, "whole"))
    output = folder / "damaged.parquet"
    after_two(output, signal.SIGTERM)
    with pytest.raises(Again):
        draw(folder, "damaged")
    first, second, *_ = parts(output)
    first.write_bytes(first.read_bytes()[:-100])
    bytes_ = bytearray(second.read_bytes())
    bytes_[len(bytes_) // 3] ^= 1
    second.write_bytes(bytes_)
    draw(folder, "damaged")
    assert sum("is made again" in r.message for r in caplog.records) == 2
    assert content(output) == whole


def test_the_command_exits_with_the_code_for_again(folder: Path, after_two: Callable[[Path, int], None]) -> None:
    output = folder / "command.parquet"
    after_two(output, signal.SIGTERM)
    words = ["sample", "--settings", json.dumps(SETTINGS), "--batch", "2", "--output", str(output)]
    for name in sampling_job.INPUTS:
        words += [f"--{name}", str(folder / f"{name}.parquet")]
    with pytest.raises(SystemExit) as ended:
        app(words)
    assert ended.value.code == os.EX_TEMPFAIL == 75


def test_training_saves_its_state_when_asked_and_goes_on_past_a_damaged_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"steps": 12, "batch": 4, "channels": [8], "layers": 1, "attention": [], "head": 8, "warm_up": 0}
    settings = {"prior": "small", "datasets": {"d": 1}, "split": "all", "training": small}

    def run(name: str, **more: Any) -> Path:
        train.run(settings, inputs=[folder / "items.parquet"], output=folder / name / "weights.safetensors", **more)
        return folder / name / "weights.safetensors"

    def at(step: int) -> Callable[[Trainer], float]:
        def asked(self: Trainer) -> float:
            loss = advance(self)
            if self.step == step:
                os.kill(os.getpid(), signal.SIGTERM)
            return loss

        advance = Trainer.advance
        return asked

    whole = run("whole").read_bytes()
    for step in (4, 9):
        with monkeypatch.context() as patched, pytest.raises(Again, match=f"step {step} of 12"):
            patched.setattr(Trainer, "advance", at(step))
            run("asked")
    states = sorted((folder / "asked").glob(".weights.parts/*/*.safetensors"))
    assert states
    damaged = bytearray(states[-1].read_bytes())
    damaged[-1] ^= 1
    states[-1].write_bytes(damaged)
    assert run("asked").read_bytes() == whole


def test_sigterm_may_come_more_than_once() -> None:
    """SLURM sends one to the step, one to the job, and one more when the time limit follows its warning."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Again, match="after 3 items"), between_items() as pause:
        pause("2 items")
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        pause("3 items")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_killed_process_keeps_no_lock_that_others_need() -> None:
    """tqdm's lock is shared with forked processes; a job that writes a log must not take it."""
    program = """if True:
        import os, signal
        from tqdm import tqdm
        from posterity.jobs.progress import steps
        lock = tqdm.get_lock()
        if (child := os.fork()) == 0:
            lock.acquire()
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        with steps("ddnm") as watch:
            watch(0, 1, None)
    """
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.PIPE, timeout=60)
