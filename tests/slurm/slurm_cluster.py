"""A throw-away SLURM on this machine: a controller and three nodes on loopback, three declared GPUs, no database.

The GPUs are character devices like /dev/null, so that no hardware is needed; SLURM hands them out as it
does real ones. Memory is watched by the accounting plugin in place of cgroups, which containers lack.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Cluster", "obstacle", "running"]

ETC = Path("/etc/slurm")
# every name here is shown by `sinfo`, with the port of its daemon
NODES = {"cpu1": 17011, "gpu1": 17012, "gpu2": 17013}
CONF = """\
ClusterName=posterity
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort=17010
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=3600
ReturnToService=2
KillWait=30
SlurmdTimeout=60
SchedulerParameters=sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=cpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17011 CPUs=4 RealMemory=16000
NodeName=gpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17012 CPUs=4 RealMemory=16000 Gres=gpu:2
NodeName=gpu2 NodeHostname={host} NodeAddr=127.0.0.1 Port=17013 CPUs=4 RealMemory=16000 Gres=gpu:1
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=2880 State=UP
PartitionName=gpu Nodes=gpu[1-2] MaxTime=2880 State=UP
"""
GRES = """\
AutoDetect=off
NodeName=gpu1 Name=gpu File={folder}/dev/gpu[0-1]
NodeName=gpu2 Name=gpu File={folder}/dev/gpu0
"""


def obstacle() -> str | None:
    """Why SLURM cannot be started here; None where it can."""
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "srun") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client slurm-wlm-basic-plugins"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm is not installed"
    if os.geteuid() != 0:
        return "its daemons are started as root, who this is not"
    there = ETC / "slurm.conf"
    if there.exists() and "ClusterName=posterity\n" not in there.read_text():
        return f"{there} is there: this machine has a SLURM of its own"
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 17010)) == 0:
            return "another run of these tests has its SLURM on port 17010"
    return None


@dataclass
class Cluster:
    """The daemons by name, ``controller`` or a node's."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts a daemon in the foreground, so that its process id is ours to end."""
        words = ["slurmctld", "-D", "-c"] if name == "controller" else ["slurmd", "-D", "-N", name]
        log = (self.folder / f"{name}.out").open("ab")
        # a group of its own: an interrupt from the keyboard is for the tests, which then stop the daemons
        self.daemons[name] = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)

    def ask(self, *words: str) -> str:
        done = subprocess.run([*words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def ready(self, nodes: int, seconds: float = 30) -> None:
        """Waits until so many nodes take jobs."""
        until, usable = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            done = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %t"], capture_output=True, text=True, check=False)
            usable = len({w.split()[0] for w in done.stdout.splitlines() if w.split()[1] in ("idle", "mix", "alloc")})
            if usable >= nodes:
                return
            time.sleep(0.2)
        logs = "".join(p.read_text(errors="replace")[-2000:] for p in sorted(self.folder.glob("*.log")))
        raise AssertionError(f"{usable} of {nodes} nodes are up\n{logs}")

    def jobs(self, states: str = "all") -> list[dict[str, str]]:
        """Jobs as {id, state, node, rule, partition}, of all runs since the start."""
        lines = self.ask("squeue", "-h", "-t", states, "-o", "%i|%T|%N|%k|%P").splitlines()
        return [dict(zip(("id", "state", "node", "rule", "partition"), line.split("|"), strict=True)) for line in lines]

    def power_cut(self, node: str) -> None:
        """Ends the node's daemon and every process of its jobs at once, as pulling the plug would."""
        daemon = self.daemons.pop(node)
        victims = [daemon.pid, *descendants_of_steps(node)]
        for pid in victims:
            _kill(pid, signal.SIGKILL)
        daemon.wait()
        # a real controller finds out after SlurmdTimeout; the operator is faster
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=power cut")

    def repair(self, node: str) -> None:
        self.start(node)
        self.ask("scontrol", "update", f"nodename={node}", "state=resume")

    def stop(self) -> None:
        for job in self.jobs("pending,running,completing,suspended") if "controller" in self.daemons else []:
            subprocess.run(["scancel", "--signal=KILL", "--full", job["id"]], check=False, capture_output=True)
            subprocess.run(["scancel", job["id"]], check=False, capture_output=True)
        for process in self.daemons.values():
            process.terminate()
        for process in self.daemons.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in NODES:
            for pid in descendants_of_steps(name):
                _kill(pid, signal.SIGKILL)


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _processes() -> dict[int, tuple[int, str]]:
    """{pid: (parent, command line)}."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE)[1])  # type: ignore[index]
                found[int(entry.name)] = parent, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, TypeError):
                continue
    return found


def _node_of(pid: int) -> str | None:
    """The node that a process of this cluster believes to be on."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    words = dict(e.split(b"=", 1) for e in environment if b"=" in e)
    return words.get(b"SLURMD_NODENAME", b"").decode() or None


def descendants_of_steps(node: str) -> list[int]:
    """The step daemons of a node's jobs with all that they started, found by the node's name in its children."""
    table = _processes()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    victims = []
    for pid, (_, command) in table.items():
        if not command.startswith("slurmstepd:"):
            continue
        family, todo = [], [pid]
        while todo:
            family.append(todo.pop())
            todo += children.get(family[-1], [])
        if any(_node_of(member) == node for member in family):
            victims += family
    return victims


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Starts the cluster in ``folder`` and stops what it started, by process id."""
    folder.mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    for name in ("state", "dev", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    for number in (0, 1):  # 1:3 is /dev/null
        os.mknod(folder / "dev" / f"gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    ETC.mkdir(exist_ok=True)
    for name, content in (("slurm.conf", CONF), ("gres.conf", GRES)):
        (folder / name).write_text(content.format(folder=folder, host=host))
        # at the default path, because the executor drops SLURM_CONF from the environment of jobs
        (ETC / name).unlink(missing_ok=True)
        (ETC / name).symlink_to(folder / name)
    cluster = Cluster(folder)
    try:
        for name in ("controller", *NODES):
            cluster.start(name)
        cluster.ready(len(NODES))
        yield cluster
    finally:
        cluster.stop()
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)
