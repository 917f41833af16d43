"""Reads from a dry run of Snakemake what it would run and why."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.configuration.current import Difference

__all__ = ["Dry", "JobHere", "dry_run", "leaves"]

_STAGES = {"train_prior": "train", "convert_prior": "convert", "study_simulated": "study"}
"""Rules whose names differ from those of their stages."""
_OTHER = {"gather": "the experiment's list of files has changed"}
"""The reason of a job that is forced without another reason."""
_CODE = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class JobHere:
    """A job of the workflow in this folder, with what Snakemake and its output record of its last run.

    ``before`` and ``now`` are its settings, ``code`` the fingerprints then and now; what was not recorded is
    empty. ``updated`` are inputs that are newer or were replaced, ``waits`` inputs that other jobs make first,
    ``versions`` the packages that have changed: (name, then, now).
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
    versions: Sequence[tuple[str, str, str]] = ()
    other: str = ""

    @property
    def name(self) -> str:
        return "/".join(self.key.values()) or self.stage

    @property
    def cause(self) -> str:
        """Return the first reason to run: "new", "settings", "code", "inputs", "versions", "other"; "" if none."""
        if not self.runs:
            return ""
        causes = {
            "new": self.missing, "settings": self.before != self.now and self.before,
            "code": self.code[0] and self.code[0] != self.code[1], "inputs": self.updated or self.waits,
            "versions": self.versions,
        }  # fmt: skip
        return next((cause for cause, found in causes.items() if found), "other")


@dataclass(frozen=True)
class Dry:
    """All jobs that lead to the targets, the configuration's plan, and what has changed since outputs were made."""

    jobs: list[JobHere]
    plan: Any
    since: Mapping[str, Difference] = field(default_factory=dict)

    def made_from(self, job: JobHere) -> list[str]:
        """Return the job's inputs, with file lists replaced by the files that they list."""
        lists = {one.outputs[0]: one.inputs for one in self.jobs if one.stage == "gather"}
        return list(dict.fromkeys(path for given in job.inputs for path in lists.get(given, [given])))

    @property
    def running(self) -> list[JobHere]:
        return [job for job in self.jobs if job.runs]


def dry_run(targets: Sequence[str], configs: Sequence[Path], snakefile: Path = Path("Snakefile")) -> Dry:
    """Build the workflow's graph in this process; run nothing and write nothing outside ``.snakemake``.

    Raises:
        PosterityError: if there is no workflow here, its configuration is invalid or a target is unknown.
    """
    if not snakefile.is_file():
        raise PosterityError(f"no {snakefile} here; run this in the folder of the workflow, or give --snakefile")
    from posterity.configuration import load

    load(configs)  # Snakemake reports no line for a file that it cannot read
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
    from posterity.configuration.current import Difference

    dag = workflow.dag
    since: dict[str, Difference] = workflow.globals["SINCE"]
    jobs = [
        _job(dag, workflow.persistence, job, since.get(str(job.output[0]), Difference()))
        for job in dag.jobs
        if job.output
    ]
    return Dry(jobs, workflow.globals["plan"], since)


def _job(dag: Any, records: Any, job: Any, since: Difference) -> JobHere:
    reason, change = dag.reason(job), records.params_changed(job)
    # Snakemake lists an unchanged value once: it holds then and now
    same = [p for p in records._params(job) if p not in change.only_new]
    before, code_before, _ = _params([*change.only_old, *same])
    now, code_now, _ = _params(records._params(job))
    if not any(records.metadata(f) for f in job.output):
        before, code_before = {}, ""
    missing = sorted({*map(str, reason.missing_output), *(map(str, job.output[:1]) if since.deleted else ())})
    return JobHere(
        _STAGES.get(job.rule.name, job.rule.name),
        dict(job.wildcards.items()),
        [str(f) for f in job.output],
        [str(f) for f in job.input],
        str(job.benchmark or ""),
        next((text for f in job.output if (text := records.shellcmd(f))), None) or str(job.shellcmd or ""),
        bool(dag.needrun(job)),
        missing,
        sorted({*map(str, reason.updated_input), *since.inputs}),
        sorted(map(str, reason.updated_input_run)),
        before if since.settings is None else since.settings,
        now,
        since.code or (code_before, code_now),
        since.versions if since.versions_followed else (),
        _OTHER.get(job.rule.name, str(reason)) if reason.forced else str(reason) if reason else "",
    )


def _params(recorded: Sequence[str]) -> tuple[dict[str, Any], str, list[str]]:
    """Return (settings, fingerprint of the code, the rest) from a job's parameters as Snakemake records them."""
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


def leaves(settings: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return (dotted name, value) of every setting."""
    if isinstance(settings, Mapping) and settings:
        for name, value in settings.items():
            yield from leaves(value, f"{path}.{name}".lstrip("."))
    elif path:
        yield path, settings
