"""What happens on the cluster while a workflow runs, seen from outside of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slurm_cluster import Cluster

__all__ = ["Death", "Observer", "instrument", "uses"]

# stands before the real command on PATH: tells who uses which GPUs, and holds a lock on each as long as it is used;
# to the library they are declared devices, so that it has a process for each
INSTRUMENT = """\
#!/bin/bash
alone=null
for gpu in ${{CUDA_VISIBLE_DEVICES//,/ }}; do
  [ $alone = null ] && alone=true
  exec {{lock}}> "{folder}/$SLURMD_NODENAME-$gpu.lock"
  flock --nonblock $lock || alone=false
  POSTERITY_GPUS="$POSTERITY_GPUS${{POSTERITY_GPUS:+,}}{folder}/$SLURMD_NODENAME-$gpu"
done
[ -n "$POSTERITY_GPUS" ] && export POSTERITY_GPUS
printf '{{"job": "%s", "node": "%s", "gpu": "%s", "alone": %s, "stage": "%s", "output": "%s"}}\\n' \\
  "$SLURM_JOB_ID" "$SLURMD_NODENAME" "$CUDA_VISIBLE_DEVICES" $alone "$1" "${{@: -1}}" >> "{folder}/uses.jsonl"
exec "{command}" "$@"
"""


def instrument(folder: Path, command: Path) -> Path:
    """A folder to put first on PATH; ``uses.jsonl`` in it gets one line a start of the command."""
    folder.mkdir(parents=True)
    (folder / "posterity").write_text(INSTRUMENT.format(folder=folder, command=command))
    (folder / "posterity").chmod(0o755)
    return folder


@dataclass
class Death:
    """One job that dies once: how, what is done when it was warned before, and what had been finished then."""

    how: str
    sampler: str
    kill: Callable[[Cluster, dict[str, str]], None] | None
    warned: Callable[[Cluster, dict[str, str]], None] | None = None
    job: str = ""
    kept: dict[str, int] = field(default_factory=dict)
    said: str = ""


@dataclass(eq=False)  # threads are told apart by what they are
class Observer(threading.Thread):
    """Watches jobs and parts; kills each chosen job once, as soon as it has finished an item."""

    cluster: Cluster
    results: Path
    deaths: list[Death]
    states: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, set[int]] = field(default_factory=dict)
    waited: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()

    def run(self) -> None:
        # on its own: a death may take seconds, and the next attempt writes over the log
        listening = threading.Thread(target=self._listen, daemon=True)
        listening.start()
        while not self._over.wait(0.3):
            self._look()
        listening.join()

    def finish(self) -> None:
        self._over.set()
        self.join()
        self._look()

    def _listen(self) -> None:
        while not self._over.wait(0.02):
            for death in self.deaths:
                for log in self.results.parent.glob(f"logs/sample/*/*/tiny/{death.sampler}.log"):
                    text = log.read_text(errors="replace")
                    death.said = text if "asked to stop" in text or not death.said else death.said

    def made(self, sampler: str) -> dict[str, int]:
        """{item: when its part was written} of what is kept now."""
        found = {}
        for path in self.results.glob(f"samples/*/*/*/.{sampler}.parts/*/[!.]*.parquet"):
            try:
                found[path.stem] = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            self.parts.setdefault(f"{sampler}/{path.stem}", set()).add(found[path.stem])
        return found

    def _look(self) -> None:
        jobs = self.cluster.jobs()
        for job in jobs:
            seen = self.states.setdefault(job["id"], [])
            if seen[-1:] != [job["state"]]:
                seen.append(job["state"])
        self.waited = max(self.waited, sum(j["state"] == "PENDING" and j["partition"] == "gpu" for j in jobs))
        running = [j for j in jobs if j["state"] == "RUNNING" and j["rule"].startswith("rule_sample")]
        dying = {death.job for death in self.deaths}
        for death in self.deaths:
            made = self.made(death.sampler)
            if death.warned and death.job and "asked to stop" in death.said:
                warned, death.warned = death.warned, None
                for job in (j for j in running if j["id"] == death.job):
                    warned(self.cluster, job)
            if death.job or death.kill is None or not made:
                continue
            for job in running:
                if not job["rule"].endswith(f"_{death.sampler}"):
                    continue
                # with a node all its jobs die, and one that was told to end is to do so by itself
                if death.how == "node down" and any(j["id"] in dying and j["node"] == job["node"] for j in running):
                    continue
                death.job, death.kept = job["id"], made
                death.kill(self.cluster, job)


def uses(folder: Path) -> list[dict[str, str]]:
    """One entry a start of the command, in order."""
    return [json.loads(line) for line in (folder / "uses.jsonl").read_text().splitlines()]
