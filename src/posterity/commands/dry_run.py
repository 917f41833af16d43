"""What Snakemake would run and why, taken from its own dry run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError

__all__ = ["Dry", "JobHere", "differences", "dry_run", "leaves", "shown"]

_STAGES = {"train_prior": "train", "convert_prior": "convert", "study_simulated": "study"}
"""Rules whose names are not those of their stages."""
_CODE = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class JobHere:
    """A job of the workflow in this folder, and what Snakemake has noted of its last run.

    ``before`` and ``now`` are its settings, ``code`` the fingerprints then and now; what was not noted is
    empty. ``updated`` are inputs that are newer or were replaced, ``waits`` those that other jobs make first.
    """

    stage: str
    key: Mapping[str, str]
    outputs: Sequence[str]
    inputs: Sequence[str]
    benchmark: str
    command: str
    runs: bool
    missing: Sequence[str] = ()
    updated: Sequence[str] = ()
    waits: Sequence[str] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    now: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, str] = ("", "")
    other: str = ""

    @property
    def name(self) -> str:
        return "/".join(self.key.values()) or self.stage

    @property
    def cause(self) -> str:
        """The first of "new", "settings", "code", "inputs", "other" that makes the job run; "" when it does not."""
        if not self.runs:
            return ""
        causes = {
            "new": self.missing, "settings": self.before != self.now and self.before,
            "code": self.code[0] and self.code[0] != self.code[1], "inputs": self.updated or self.waits,
        }  # fmt: skip
        return next((cause for cause, found in causes.items() if found), "other")


@dataclass(frozen=True)
class Dry:
    """All jobs that lead to the targets, and the configuration's plan."""

    jobs: list[JobHere]
    plan: Any

    def made_from(self, job: JobHere) -> list[str]:
        """The job's inputs, and in place of a list of files what it lists."""
        lists = {one.outputs[0]: one.inputs for one in self.jobs if one.stage == "gather"}
        return list(dict.fromkeys(path for given in job.inputs for path in lists.get(given, [given])))

    @property
    def running(self) -> list[JobHere]:
        return [job for job in self.jobs if job.runs]


def dry_run(targets: Sequence[str], configs: Sequence[Path], snakefile: Path = Path("Snakefile")) -> Dry:
    """Builds the workflow's graph in this process; nothing is run or written outside ``.snakemake``.

    Raises:
        PosterityError: when there is no workflow here, its configuration is wrong or a target is unknown.
    """
    if not snakefile.is_file():
        raise PosterityError(f"no {snakefile} here; run this in the folder of the workflow, or give --snakefile")
    from posterity.configuration import load

    load(configs)  # Snakemake has no line for what it cannot read
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import MissingRuleException, WorkflowError
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )  # fmt: skip

    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            config = ConfigSettings(configfiles=list(configs))
            workflow = api.workflow(ResourceSettings(cores=1), config_settings=config, snakefile=snakefile)
            workflow.dag(DAGSettings(targets=set(targets))).execute_workflow(executor="dryrun")
            return _read(workflow._workflow)
    except MissingRuleException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise PosterityError(f"the configuration makes no {', '.join(targets)} ({lines[-1]})") from error
    except WorkflowError as error:
        raise PosterityError(str(error)) from error


def _read(workflow: Any) -> Dry:
    dag = workflow.dag
    jobs = [_job(dag, workflow.persistence, job) for job in dag.jobs if job.output]
    return Dry(jobs, workflow.globals["plan"])


def _job(dag: Any, records: Any, job: Any) -> JobHere:
    reason, change = dag.reason(job), records.params_changed(job)
    # of what did not change there is one value, which is that of then and now
    same = [p for p in records._params(job) if p not in change.only_new]
    before, code_before, _ = _params([*change.only_old, *same])
    now, code_now, _ = _params(records._params(job))
    noted = any(records.metadata(f) for f in job.output)
    return JobHere(
        _STAGES.get(job.rule.name, job.rule.name),
        dict(job.wildcards.items()),
        [str(f) for f in job.output],
        [str(f) for f in job.input],
        str(job.benchmark or ""),
        next((text for f in job.output if (text := records.shellcmd(f))), None) or str(job.shellcmd or ""),
        bool(dag.needrun(job)),
        sorted(map(str, reason.missing_output)),
        sorted(map(str, reason.updated_input)),
        sorted(map(str, reason.updated_input_run)),
        before if noted else {},
        now,
        (code_before if noted else "", code_now),
        str(reason) if reason else "",
    )


def _params(recorded: Sequence[str]) -> tuple[dict[str, Any], str, list[str]]:
    """(settings, fingerprint of the code, the rest) out of a job's parameters as Snakemake notes them."""
    settings: dict[str, Any] = {}
    code, rest = "", list[str]()
    for text in recorded:
        value = ast.literal_eval(text)
        if isinstance(value, str) and value.startswith("{"):
            settings = json.loads(value)
        elif isinstance(value, str) and _CODE.fullmatch(value):
            code = value
        else:
            rest.append(text)
    return settings, code, rest


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, value then, value now) of every setting that differs; None for one that is not there."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            yield from differences(before.get(name), now.get(name), f"{path}.{name}".lstrip("."))
    elif before != now:
        yield path, before, now


def leaves(settings: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every setting."""
    if isinstance(settings, Mapping) and settings:
        for name, value in settings.items():
            yield from leaves(value, f"{path}.{name}".lstrip("."))
    elif path:
        yield path, settings


def shown(value: Any) -> str:
    """A setting's value in one short piece of text."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
