"""Kills, fills and damages a running workflow at random, and compares what it makes with an undisturbed run.

Everything random comes from one seed; what the operating system makes of it does not.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from posterity.artifacts import store

__all__ = ["Summary", "Torment"]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MEASURED = ("seconds", "peak_bytes")
"""Columns that differ from run to run."""
WHOLE = ".whole.parquet"
"""A finished output that its job keeps beside its items until the workflow has noted it."""
SPOILT = -1
"""In place of the time of a part that is to be made again: it, or what it was made from, was damaged on purpose."""


@dataclass
class Summary:
    """What was done to the workflow, and what came of it."""

    runs: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    full_disks: int = 0
    untold: list[str] = field(default_factory=list)
    corruptions: int = 0
    noticed: int = 0
    finished: int = 0
    lost: list[str] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    compared: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.unnoticed or self.half_written or self.differences or self.untold)

    def __str__(self) -> str:
        kills = ", ".join(f"{n} of {who}" for who, n in sorted(self.kills.items())) or "none"
        told = self.full_disks - len(self.untold)
        return "\n".join(
            [
                f"runs of the workflow   {self.runs}",
                f"kills                  {sum(self.kills.values())} ({kills})",
                f"full disks             {self.full_disks}, told in one line: {told} {self.untold or ''}",
                f"corruptions            {self.corruptions}, noticed: {self.noticed} {self.unnoticed or ''}",
                f"finished items seen    {self.finished}, lost or made twice: {len(self.lost)} {self.lost or ''}",
                f"half-written artifacts {len(self.half_written)} {self.half_written or ''}",
                f"final difference       {self.differences or 'none'} ({self.compared} artifacts compared)",
            ]
        )


class Torment:
    """One workflow in a folder of its own, with everything that can be done to it.

    Arguments:
        folder: empty.
        experiment: a name of config/experiments.
        changes: laid over config.yaml.
        targets: what is asked of snakemake; everything by default.
        seed: of all choices.
    """

    def __init__(
        self, folder: Path, experiment: str, changes: dict[str, object], targets: tuple[str, ...] = (), seed: int = 0
    ) -> None:
        self.folder, self._targets, self._chance = folder, targets, random.Random(seed)
        self.summary = Summary()
        self._parts: dict[Path, int] = {}
        shutil.copytree(ROOT / "config", folder / "config")
        (folder / "resources").symlink_to(ROOT / "resources")
        config = {"experiments": [experiment], **changes}
        (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
        if (ROOT / "data" / "assets").is_dir():
            shutil.copytree(ROOT / "data" / "assets", folder / "data" / "assets")

    # running

    def start(self, limit: int | None = None, *targets: str) -> subprocess.Popen[bytes]:
        """The workflow in a session of its own; ``limit`` is the largest file that it may write, in bytes."""
        self._unlock()
        profile = str(ROOT / "profiles/default")
        command = [str(BIN / "snakemake"), "-s", str(ROOT / "Snakefile"), "--workflow-profile", profile, "--cores", "2",
                   "--keep-going", *(targets or self._targets)]  # fmt: skip
        # a fresh one where files are limited, or the head itself could write no more
        log = (self.folder / "out.log").open("wb" if limit else "ab")
        narrow = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        self.summary.runs += 1
        return subprocess.Popen(
            command, cwd=self.folder, env=self._environment(), stdout=log, stderr=log, start_new_session=True,
            preexec_fn=narrow,
        )  # fmt: skip

    def _unlock(self) -> None:
        for lock in (self.folder / ".snakemake" / "locks").glob("*.lock"):
            lock.unlink()

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    def finish(self, *targets: str) -> None:
        """Runs it to the end, undisturbed."""
        process = self.start(None, *targets)
        while process.poll() is None:
            self.look()
            time.sleep(0.1)
        self.look()
        if process.returncode:
            raise AssertionError(f"the workflow failed:\n{(self.folder / 'out.log').read_text()[-6000:]}")

    # what is looked at

    def look(self) -> None:
        """Compares the finished items with those of the last look."""
        for path, made in list(self._parts.items()):
            if made == SPOILT:
                continue
            try:
                now = path.stat().st_mtime_ns
            except FileNotFoundError:
                kept = _output(path).exists() or not path.parents[1].exists() or (path.parent / WHOLE).exists()
                now = made if kept else 0
            if now != made:
                self.summary.lost.append(path.name)
                del self._parts[path]
        for path in self._kept():
            try:
                if path not in self._parts:
                    self._parts[path] = path.stat().st_mtime_ns
                    self.summary.finished += 1
            except FileNotFoundError:  # its output is there now
                continue

    def _kept(self) -> list[Path]:
        """The items that jobs have kept so far."""
        with suppress(FileNotFoundError):  # a folder went while it was read
            return [*self.folder.glob("results/*/*/*/*/.*.parts/*/[!.]*.parquet")]
        return []

    def _absolve(self) -> None:
        """What was made up to now may be made again, because what it was made from will be."""
        self._parts = dict.fromkeys(self._kept(), SPOILT)

    def artifacts(self) -> dict[str, Path]:
        found = [*self.folder.glob("results/**/*.parquet"), *self.folder.glob("data/datasets/**/*.parquet")]
        return {p.relative_to(self.folder).as_posix(): p for p in found if "/." not in p.as_posix()}

    # what is done to it

    def kill_one(self) -> None:
        """Starts the workflow, waits a while, and ends one of its processes; now and then all of them."""
        process = self.start()
        until = time.monotonic() + self._chance.uniform(0.5, 12)
        while process.poll() is None and time.monotonic() < until:
            self.look()
            time.sleep(0.05)
        family = list(_family(process.pid))
        if process.poll() is not None or not family:
            self.regress()
            return
        # jobs are rarer than their parents, and more is at stake
        jobs = [one for one in family if one[1] == "job"]
        who = self._chance.choice(jobs if jobs and self._chance.random() < 0.6 else family)
        number = self._chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        victims = family if who[1] == "snakemake" and self._chance.random() < 0.5 else [who]
        for pid, _ in victims:
            _send(pid, number)
        name = f"{'all' if len(victims) > 1 else who[1]} by {signal.Signals(number).name}"
        self.summary.kills[name] = self.summary.kills.get(name, 0) + 1
        self._end(process, patience=self._chance.choice([0, 0, 20]))

    def _end(self, process: subprocess.Popen[bytes], patience: float) -> None:
        """Lets the workflow notice for a while, then ends its head; orphans go on, as they would."""
        until = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < until:
            self.look()
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
            process.wait()

    def regress(self) -> None:
        """Deletes some results, so that there is something to do again."""
        self._absolve()
        results = [p for n, p in self.artifacts().items() if n.startswith("results/")]
        for path in self._chance.sample(results, min(len(results), 3)):
            path.unlink()

    def fill_disk(self) -> None:
        """Runs it where no file can grow as large as samples are; it has to say so in one line."""
        self.finish()  # what a job kept for want of being heard would be put back, and nothing written
        self._absolve()
        for name, path in self.artifacts().items():
            if name.startswith("results/"):  # all of them: what is missing in between would not be asked for
                path.unlink()
        # more than Snakemake's own log, less than the samples
        process = self.start(40_000)
        process.wait()
        self.summary.full_disks += 1
        # of samples, or of what was damaged before and has to be made again first
        told = self._logs().values()
        if not any("cannot write" in text and "File too large" in text for text in told):
            self.summary.untold.append((self.folder / "out.log").read_text(errors="replace")[-600:])
        self.check_whole()

    def _logs(self) -> dict[Path, str]:
        return {p: p.read_text(errors="replace") for p in self.folder.glob("logs/**/*.log")}

    def check_whole(self) -> None:
        """Everything under its final name must be whole."""
        for name, path in self.artifacts().items():
            try:
                store.verify(path)
            except Exception as error:
                self.summary.half_written.append(f"{name}: {error}")

    def damage_one(self) -> None:
        """Truncates a finished file or flips a bit of it; the check has to name it, and the next run mends it."""
        files = [*self.artifacts().values(), *self.folder.glob("data/assets/*/[!.]*")]
        if not files:
            return
        path = self._chance.choice(files)
        self.summary.corruptions += 1
        self._absolve()
        how = self._corrupt(path)
        said = self._check()
        name = path.relative_to(self.folder).as_posix()
        if f"damaged: {name}" in said:
            self.summary.noticed += 1
        else:
            self.summary.unnoticed.append(f"{name} ({how})")
            path.unlink()

    def damage_a_part(self) -> None:
        """The same with an item that a killed job has kept: its stage has to make it again, and say so."""
        # one that is needed: neither is its output there, nor a finished one that would be put back
        parts = [p for p in self._kept() if not _output(p).exists() and not (p.parent / WHOLE).exists()]
        if not parts:
            return
        path = self._chance.choice(parts)
        self.summary.corruptions += 1
        how = self._corrupt(path)
        self._parts[path] = SPOILT
        self.finish(_output(path).relative_to(self.folder).as_posix())
        if any(f"item {path.stem} is made again" in text for text in self._logs().values()):
            self.summary.noticed += 1
        else:
            self.summary.unnoticed.append(f"{path.name} ({how})")

    def _corrupt(self, path: Path) -> str:
        content = bytearray(path.read_bytes())
        place = self._chance.randrange(len(content))
        if self._chance.random() < 0.5:
            path.write_bytes(content[:place])
            return f"cut at {place} of {len(content)} bytes"
        content[place] ^= 1 << self._chance.randrange(8)
        path.write_bytes(content)
        return f"bit flipped in byte {place} of {len(content)}"

    def _check(self) -> str:
        command = [str(BIN / "posterity"), "check", "--delete-damaged"]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    # the end

    def compare(self, other: Torment) -> None:
        """Notes every artifact that is not, measured times aside, that of an undisturbed run."""
        ours, theirs = self.artifacts(), other.artifacts()
        self.summary.differences += [f"{name} is there in one run alone" for name in ours.keys() ^ theirs.keys()]
        for name in sorted(ours.keys() & theirs.keys()):
            kind = store.provenance(ours[name])["kind"]
            tables = [store.read(found[name], kind) for found in (ours, theirs)]
            plain = [t.drop_columns([c for c in MEASURED if c in t.column_names]) for t in tables]
            self.summary.compared += 1
            if not plain[0].equals(plain[1]):
                self.summary.differences.append(name)


def _output(part: Path) -> Path:
    """The artifact that a part will make."""
    return part.parents[2] / f"{part.parents[1].name[1:].removesuffix('.parts')}.parquet"


def _family(head: int) -> Iterator[tuple[int, str]]:
    """(pid, what it is) of a process and all below it."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
            is_job = any(word.endswith("/posterity") for word in words[:2])
            names[int(entry.name)] = (
                "job" if is_job else "snakemake" if any("snakemake" in w for w in words[:2]) else "shell"
            )
    todo = [head] if head in names else []
    while todo:
        pid = todo.pop()
        yield pid, names[pid]
        todo += children.get(pid, [])


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
