"""Typed settings of every stage, validated once before the stage reads or writes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from posterity.errors import PosterityError

__all__ = [
    "Analyse", "Classify", "Convert", "ConvertAutoencoder", "Degrade", "Distance", "Explorer", "Fetch", "Figure",
    "Measure", "Posterior", "Prepare", "Report", "Run", "Sample", "Select", "Severity", "Table", "Train",
    "TrainAutoencoder", "TrainClassifier", "TrainSeverity", "Training", "built", "check",
]  # fmt: skip
T = TypeVar("T")
_SHOWN = 5
"""Number of mistakes that a message lists."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Where = Name | list[Name] | None


class _Given(BaseModel):
    @property
    def given(self) -> dict[str, Any]:
        """Return the settings as they were given, without defaults."""
        return self.model_dump(exclude_unset=True)


class _Settings(_Given):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return typed settings.

        Raises:
            PosterityError: a line for each mistake.
        """
        return built(cls, given, "--settings")


class _Open(_Given):
    """Settings that allow further keys, which the library checks when it builds the object."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class Fetch(_Settings):
    asset: dict[str, Any]


class Prepare(_Settings):
    dataset: Name
    kind: str
    size: Annotated[int, Field(ge=8, le=1024)]
    select: str | None = None
    count: Count | None = None


class _Task(_Open):
    name: Name
    operator: str
    sigma_y: Annotated[float, Field(ge=0, le=2)]


class Degrade(_Settings):
    dataset: Name
    task: _Task
    items: Count
    seed: Seed


class Training(_Settings):
    """Settings that every training has beside the name of what is trained."""

    datasets: Annotated[dict[Name, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    split: Literal["all", "prior", "test"]
    training: dict[str, Any]
    about: str = ""
    license: str | None = None


class Train(Training):
    prior: Name
    autoencoder: dict[str, Any] | None = None


class TrainSeverity(Training):
    severity: Name
    dataset: Name
    task: dict[str, Any]
    autoencoder: dict[str, Any] | None


class TrainAutoencoder(Training):
    autoencoder: Name


class TrainClassifier(Training):
    classifier: Name
    classes: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Convert(_Settings):
    prior: Name
    family: str
    about: str = ""
    sha256: str | None = None
    settings: dict[str, Any] = {}
    license: str | None = None


class ConvertAutoencoder(_Settings):
    autoencoder: Name
    family: str
    about: str = ""
    sha256: str | None = None
    settings: dict[str, Any] = {}
    license: str | None = None


class _Prior(_Open):
    name: Name
    kind: str


class Posterior(_Settings):
    dataset: Name
    task: Name
    prior: _Prior


class _Estimator(_Open):
    name: Name
    kind: str


class Severity(Posterior):
    severity: _Estimator


class _Sampler(_Settings):
    name: Name
    method: str
    settings: dict[str, Any] = {}
    wrap: list[Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)]] = []


class Sample(Posterior):
    sampler: _Sampler
    samples: Annotated[int, Field(ge=1, le=100_000)]
    seed: Seed


class Select(_Settings):
    count: Count
    subsets: dict[Name, dict[str, Any]]
    features: str = "vgg"
    seed: Seed = 0


class Measure(_Settings):
    count: Count
    metrics: list[str]
    seed: Seed = 0


class Classify(_Settings):
    classifier: Name


class Run(_Settings):
    method: str
    settings: dict[str, Any] = {}


class Distance(_Settings):
    prior: Literal["mixture", "gaussian"]
    dim: Annotated[int, Field(ge=2, le=10_000)]
    name: Name
    runs: Annotated[list[Run], Field(min_length=1)]
    first: Annotated[int, Field(ge=0, le=1_000_000_000)]
    instances: Annotated[int, Field(ge=1, le=100_000)]
    samples: Annotated[int, Field(ge=2, le=100_000)]
    directions: Annotated[int, Field(ge=1, le=1_000_000)]
    seed: Seed


class _Product(_Settings):
    experiment: Name
    dataset: Where = None
    task: Where = None
    prior: Where = None
    sampler: Where = None
    published: str | None = None


class Table(_Product):
    table: str


class Figure(_Product):
    figure: str
    items: Count | None = None


class Explorer(_Settings):
    title: str
    dataset: Name
    prior: dict[str, Any]
    items: Count


class Report(_Settings):
    title: str
    experiments: list[Name]
    about: dict[Name, dict[str, Any]] = {}
    explorers: list[Name] = []
    further: dict[Name, str] = {}


class Analyse(_Settings):
    seed: Seed = 0
    replicates: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    partial: bool = False
    effects: bool = False
    failures: int = 0


_OF: Mapping[str, type[BaseModel]] = {
    "fetch": Fetch, "prepare": Prepare, "degrade": Degrade, "train": Train, "convert": Convert,
    "convert_autoencoder": ConvertAutoencoder,
    "train_severity": TrainSeverity, "train_autoencoder": TrainAutoencoder,
    "train_classifier": TrainClassifier,
    "posterior": Posterior, "severity": Severity, "sample": Sample, "select": Select, "measure": Measure,
    "classify": Classify,
    "distance": Distance, "table": Table, "figure": Figure, "explorer": Explorer, "report": Report,
    "analyse": Analyse,
}  # fmt: skip
"""Settings class of each stage; the study's is in :mod:`posterity.study.design`."""


def check(stage: str, settings: Mapping[str, Any]) -> None:
    """Raise PosterityError, with one line per mistake, unless the settings are valid for the stage."""
    if stage in _OF:
        built(_OF[stage], settings, "--settings")


def built(cls: type[T], given: Mapping[str, Any], what: str) -> T:
    """Return ``cls`` built from the settings ``given``, in strict types: neither true nor "1" counts as the number 1.

    Raises:
        PosterityError: with one line for each of the first mistakes, beginning with ``what``.
    """
    adapter: TypeAdapter[T] = TypeAdapter(cls)
    try:
        return adapter.validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        missing = [_place(one) for one in error.errors() if one["type"] == "missing"]
        # a value that fits none of several alternatives is one mistake; in a list, report only the invalid entry
        spoiled = {one["loc"][0] for one in error.errors() if len(one["loc"]) > 2 and _is_list(one["loc"][1])}
        others: dict[tuple[str, str], str] = {}
        for one in error.errors():
            whole = len(one["loc"]) == 2 and one["loc"][0] in spoiled
            if one["type"] != "missing" and not whole:
                others.setdefault((str(one["loc"][:1]), f"{one['input']!r:.200}"), _line(one))
        told = [f"{what}: {line}" for line in others.values()]
        if missing:
            told.insert(0, f"{what} lacks {', '.join(map(repr, missing))}")
        more = [f"{what}: {len(told) - _SHOWN} more mistakes"] if len(told) > _SHOWN else []
        raise PosterityError("\n".join(told[:_SHOWN] + more)) from error


def _is_list(part: int | str) -> bool:
    """True for the name that pydantic gives to a list in a union."""
    return str(part).startswith("list[")


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"] if not _is_list(part))


def _line(error: Any) -> str:
    """``KEY = VALUE: what is wrong``."""
    key = _place(error)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {key!r}"
    said = str(error["msg"]).removeprefix("Value error, ").replace("\n", " ")
    return f"{key} = {error['input']!r:.60}: {said}" if key else said
