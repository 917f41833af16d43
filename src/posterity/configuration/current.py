"""Determines whether a file is up to date with the configuration, from the file's own record of how it was made.

The workflow, ``check``, ``plan``, ``why`` and ``export`` all ask here. Snakemake's own records are lost with
``.snakemake``, and hold only the time of a large file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts.origin import again, changed, recorded
from posterity.configuration.paths import fields, pattern

if TYPE_CHECKING:
    from posterity.configuration.resolve import Job, Plan

__all__ = ["BESIDE", "Difference", "difference", "differences", "output", "shown"]

BESIDE = {"prepare": ("regions.parquet",), "study": ("simulated.parquet",)}
"""Artifacts that a stage writes beside its first output."""

_ANY_CODE = ("train", "train_autoencoder", "train_severity", "train_classifier")
"""Stages whose results, which take hours, are kept even if code or packages have changed."""

_IMAGES = ("torch", "torchvision", "numpy", "pillow")
_PACKAGES: Mapping[str, Sequence[str]] = {
    "prepare": ("numpy", "pillow"),
    "degrade": _IMAGES,
    "posterior": _IMAGES,
    "severity": (*_IMAGES, "diffusers"),
    "sample": (*_IMAGES, "diffusers"),
    "select": (*_IMAGES, "scikit-learn", "scipy"),
    "measure": (*_IMAGES, "scipy", "lpips", "pyiqa", "POT"),
    "classify": ("torch", "numpy"),
    "distance": ("torch", "numpy", "scipy", "POT"),
    "analyse": ("numpy",),
    "table": ("numpy",),
}
"""{stage: packages that its numbers depend on}."""


@dataclass(frozen=True)
class Difference:
    """The changes since a file was made; the file is stale if anything that reruns depend on has changed.

    ``settings`` are the old settings (None if unchanged), ``code`` the fingerprints then and now. ``versions`` are
    (package, then, now); they make the file stale only if ``versions_followed``.
    """

    settings: Mapping[str, Any] | None = None
    now: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, str] | None = None
    inputs: Sequence[str] = ()
    versions: Sequence[tuple[str, str, str]] = ()
    versions_followed: bool = False
    deleted: bool = False

    @property
    def stale(self) -> bool:
        return bool(
            self.settings is not None
            or self.code
            or self.inputs
            or self.deleted
            or (self.versions_followed and self.versions)
        )

    def reasons(self) -> Iterator[str]:
        """Yield every reason in a few words."""
        if self.deleted:
            yield "was damaged and is deleted"
        if self.settings is not None:
            names = ", ".join(name for name, _, _ in differences(self.settings, self.now))
            yield f"made with other settings ({names})" if self.settings else "has no record of its settings"
        if self.code:
            yield "made by other code"
        if self.inputs:
            yield f"made from other inputs ({', '.join(self.inputs)})"
        if self.versions and self.versions_followed:
            yield f"made with other packages ({', '.join(f'{n} {then} → {now}' for n, then, now in self.versions)})"


def output(job: Job, plan: Plan) -> Path:
    """Return the path of a job's first output."""
    if job.stage == "fetch":
        asset = job.settings["asset"]
        return Path(plan.data, "assets", asset["name"], asset["file"])
    named = dict(zip(fields(job.stage), job.key, strict=True))
    return Path(pattern(job.stage, plan.data, plan.results).format(**named))


def difference(job: Job, plan: Plan) -> Difference:
    """Compare how a job's output was made with how the job would make it now.

    For a file that is absent or has no record, the difference is empty.
    """
    path = output(job, plan)
    about = recorded(path)
    now = json.loads(job.json)
    deleted = again(path).exists() and not all(p.exists() for p in (path, *_beside(job, path)))
    if not about:
        return Difference(deleted=deleted)
    made = about.get("origin", {}).get("settings")
    code = str(about.get("code", ""))
    follow = plan.follow_code and job.stage not in _ANY_CODE
    return Difference(
        None if made == now else made if isinstance(made, Mapping) else {},
        now,
        (code, job.code) if follow and code != job.code else None,
        changed(about),
        list(_versions(job.stage, about)),
        plan.follow_versions,
        deleted,
    )


def _beside(job: Job, path: Path) -> Iterator[Path]:
    for name in BESIDE.get(job.stage, ()):
        if job.stage != "study" or job.settings["simulate"]:
            yield path.with_name(name)


def _versions(stage: str, about: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (package, version then, version now) for each changed package that the stage's numbers depend on."""
    from posterity.artifacts import store

    made, now = about.get("versions", {}), store.made_with()["versions"]
    for name in _PACKAGES.get(stage, ()):
        if made.get(name, now[name]) != now[name]:
            yield name, str(made[name]), now[name]


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted name, value then, value now) of every setting that differs; None for an absent value."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            yield from differences(before.get(name), now.get(name), f"{path}.{name}".lstrip("."))
    elif before != now:
        yield path, before, now


def shown(value: Any) -> str:
    """Return a setting's value as a short text."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
