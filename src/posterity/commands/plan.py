"""``posterity plan``: what would run, how long that takes, and which changes are the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.commands.check import versions_told
from posterity.commands.dry_run import Dry, JobHere, dry_run

__all__ = ["Configs", "Workflow", "modules_changed", "plan"]

Configs = Annotated[
    list[Path] | None, typer.Option(metavar="PATH...", help="Configuration files merged in order, as for snakemake.")
]
Workflow = Annotated[Path, typer.Option(metavar="PATH", help="The workflow.")]
_CAUSES = ("new", "settings", "code", "inputs", "versions", "other")
_ORDER = (
    "fetch", "prepare", "degrade", "train_autoencoder", "train", "train_severity", "train_classifier",
    "convert", "convert_autoencoder", "posterior", "severity",
    "sample", "select", "measure", "classify", "distance", "study", "analyse", "table", "figure", "report",
)  # fmt: skip


def plan(
    targets: Annotated[list[str] | None, typer.Argument(help="Experiments or files. [default: all]")] = None,
    configfile: Configs = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Report what `snakemake` would run, how long that takes, and why.

    Hours come from recorded runs: of the same job if there was one, else the median of the most similar ones. Nothing
    is run.

    Example: posterity plan diversity
    """
    found = dry_run([target.replace("-", "_") if "/" not in target else target for target in targets or []],
                    configfile or [], snakefile)  # fmt: skip
    told = [*_table(found), *_settings(found.running), *_code(found.running), *_versions(found.running)]
    for line in [*(told if found.running else ["nothing to do"]), *versions_told(found.since.values())]:
        typer.echo(line)


def _table(found: Dry) -> Iterator[str]:
    """Return one line per stage in the order in which they run, with the jobs by cause and the hours."""
    from posterity.configuration.recorded import Recorded

    recorded = Recorded(Path(found.plan.results, "benchmarks"))
    running = sorted((job for job in found.running if job.stage in _ORDER), key=lambda job: _ORDER.index(job.stage))
    causes = [c for c in _CAUSES if any(job.cause == c for job in running)]
    yield f"{'stage':<10}{'jobs':>7}" + "".join(f"{c:>10}" for c in causes) + f"{'hours':>10}{'GPU hours':>11}"
    took = [recorded.seconds(job.stage, job.key) for job in running]
    for stage in [*dict.fromkeys(job.stage for job in running), "total"]:
        own = [(job, t) for job, t in zip(running, took, strict=True) if stage in (job.stage, "total")]
        hours = [t[0] / 3600 if t else 0.0 for _, t in own]
        on_gpu = [h * gpus for h, (job, _) in zip(hours, own, strict=True) if (gpus := _gpus(job, found))]
        counts = Counter(job.cause for job, _ in own)
        told = "".join(f"{counts[c]:>10}" for c in causes)
        known = any(t for _, t in own)
        yield f"{stage:<10}{len(own):>7}{told}{_hours(hours, known):>10}{_hours(on_gpu, known):>11}"
    similar, unknown = sum(1 for t in took if t and not t[1]), Counter(
        job.stage for job, t in zip(running, took, strict=True) if t is None
    )  # fmt: skip
    if similar:
        yield f"{similar} of the jobs have no record of their own and are estimated by the median of similar ones"
    if unknown:
        listed = ", ".join(f"{n} {stage}" for stage, n in unknown.items())
        yield f"not in the hours, because no similar job was recorded: {listed}"


def _hours(hours: Sequence[float], known: bool) -> str:
    return f"{sum(hours):.2f}" if hours and known else "-"


def _gpus(job: JobHere, found: Dry) -> int:
    return found.plan.needs.gpu(job.stage, list(job.key.values()))


def _settings(jobs: Sequence[JobHere]) -> Iterator[str]:
    """Return every changed setting once, with the number of jobs affected."""
    from posterity.configuration.current import differences, shown

    changes: dict[tuple[str, str, str, str], list[str]] = {}
    for job in jobs:
        if job.before:
            for name, before, now in differences(job.before, job.now):
                changes.setdefault((job.stage, name, shown(before), shown(now)), []).append(job.name)
    if changes:
        yield "settings that changed"
    for (stage, name, before, now), names in changes.items():
        yield f"  {stage}: {name} {before} → {now} ({_some(names)})"


def _code(jobs: Sequence[JobHere]) -> Iterator[str]:
    """Return every change of the library once, with the modules if the artifacts record them."""
    changes: dict[tuple[str, str], list[str]] = {}
    for job in jobs:
        if job.code[0] and job.code[0] != job.code[1]:
            modules = ", ".join(modules_changed(job)) or f"{job.code[0]} → {job.code[1]}"
            changes.setdefault((job.stage, modules), []).append(job.name)
    if changes:
        yield "code that changed"
    for (stage, modules), names in changes.items():
        yield f"  {stage}: {modules} ({_some(names)})"


def _versions(jobs: Sequence[JobHere]) -> Iterator[str]:
    """Return every package whose version changed, with the number of jobs that depend on it."""
    changes: dict[tuple[str, str, str], list[str]] = {}
    for job in jobs:
        for change in job.versions:
            changes.setdefault(change, []).append(job.name)
    if changes:
        yield "packages that changed"
    for (name, then, now), names in changes.items():
        yield f"  {name} {then} → {now} ({_some(names)})"


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} jobs: {names[0]}, …"


def modules_changed(job: JobHere) -> list[str]:
    """Return the modules whose code changed since the job's output was made; empty if the output has no record."""
    from posterity.artifacts import store
    from posterity.configuration.fingerprint import parts
    from posterity.errors import PosterityError

    try:
        made: dict[str, Any] = store.provenance(Path(job.outputs[0])).get("modules", {})
    except PosterityError:
        return []
    now = parts(job.stage, job.now) if made else {}
    return sorted(name for name in {*made, *now} if made.get(name) != now.get(name))
