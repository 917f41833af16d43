"""Designs a study's questions: images, order, and the side of each set.

Four studies of Cohen et al. 2024 (Secs. 4.1 and 6, App. E) in three forms:

* ``paired_diversity``: two sets of one measurement; which shows more variety?
* ``coverage``: a set and a posterior draw that no compared set shows; is one image of the set very similar?
* ``paired_quality``: one vanilla and one guided restoration; which looks better?
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posterity.errors import PosterityError

__all__ = [
    "ANSWERS", "STUDIES", "Comparison", "Design", "Key", "about", "asked_of_each", "fingerprint", "images", "limit",
    "parse", "questions",
]  # fmt: skip

STUDIES = ("paired_diversity", "coverage", "paired_quality")
ANSWERS = {"paired_diversity": ("left", "right"), "coverage": ("yes", "no"), "paired_quality": ("left", "right")}
"""Valid answers in each study."""


class Key(NamedTuple):
    """A run whose samples are shown."""

    dataset: str
    task: str
    prior: str
    sampler: str


class Pools(dict[Key, Mapping[str, Mapping[int, bytes]]]):
    """Pools of samples: {run: {item: {sample number: PNG}}}.

    Arguments:
        pools: pools of all runs.
        guided: {plain run: the run that differs only by diversity guidance}.
    """

    def __init__(self, pools: Mapping[Key, Mapping[str, Mapping[int, bytes]]], guided: Mapping[Key, Key]) -> None:
        super().__init__(pools)
        self.guided = guided


Chosen = Mapping[Key, Mapping[str, Mapping[str, Sequence[int]]]]
"""{run: {subset: {item: sample numbers in the order of choice}}}."""


class Comparison(BaseModel):
    """A comparison and the runs it is made in; an omitted filter matches every run.

    Arguments:
        approach: the subset under test, or "guided": the sampler's guided set (its first ``count`` samples).
        against: the other side; by default "random", or "vanilla" for "guided"; None for coverage.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    study: Literal["paired_diversity", "coverage", "paired_quality"]
    approach: str
    against: str | None = None
    dataset: str | None = None
    task: str | None = None
    prior: str | None = None
    sampler: str | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Comparison:
        if self.study == "coverage" and (self.against is not None or self.approach == "guided"):
            raise ValueError("coverage shows one subset: name it as 'approach' and leave out 'against'")
        if self.study == "paired_quality" and self.approach != "guided":
            raise ValueError("paired_quality compares 'guided' with 'vanilla' only")
        if (self.approach == "guided") != (self.reference == "vanilla"):
            raise ValueError("'guided' goes with 'vanilla', a subset with a subset")
        if self.approach in (self.reference, "vanilla"):
            raise ValueError(f"approach {self.approach!r} cannot be tested; name a subset or 'guided'")
        return self

    @property
    def reference(self) -> str | None:
        """Return the other side's name; None for coverage."""
        if self.study == "coverage":
            return None
        return self.against or ("vanilla" if self.approach == "guided" else "random")

    def covers(self, key: Key) -> bool:
        """Return True if the filters match this run."""
        wanted = (self.dataset, self.task, self.prior, self.sampler)
        return all(w is None or w == k for w, k in zip(wanted, key, strict=True))


class Design(BaseModel):
    """The settings of the stage "study".

    Arguments:
        count: images in a set.
        questions: maximum number of questions per participant, and also per comparison, spread evenly
            over the runs that it covers.
        simulate: number of simulated participants, labelled as such; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    experiment: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    count: int = Field(5, ge=1)
    questions: int = Field(50, ge=1, le=10_000)
    seed: int = Field(0, ge=0, lt=2**63)
    simulate: int = Field(0, ge=0, le=10_000)
    comparisons: tuple[Comparison, ...] = Field(min_length=1)


def parse(settings: Mapping[str, Any]) -> Design:
    """Return the validated settings; raise PosterityError with all mistakes in one message."""
    try:
        return Design.model_validate(settings)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (is {str(e['input'])[:60]!r})" for e in error.errors()]
        raise PosterityError("study settings: " + "; ".join(told)) from error


def questions(pools: Pools, chosen: Chosen, design: Design) -> list[dict[str, Any]]:
    """Return shuffled rows of the artifact "questions" without practice; sides are balanced per comparison and run."""
    rows: list[dict[str, Any]] = []
    for number, comparison in enumerate(design.comparisons):
        runs = sorted(k for k in pools if comparison.covers(k) and _applies(comparison, k, pools, chosen))
        if not runs:
            raise PosterityError(_nothing(number, comparison, pools, chosen))
        share = max(1, design.questions // len(runs))
        for key in runs:
            rows += _compare(comparison, key, pools, chosen, design, share)
    ids = [r["question"] for r in rows]
    if len(set(ids)) < len(ids):
        raise PosterityError("study settings: comparisons: two of them ask the same question; name each only once")
    order = _generator(design.seed, "order").permutation(len(rows))
    return [rows[i] for i in order]


def _applies(comparison: Comparison, key: Key, pools: Pools, chosen: Chosen) -> bool:
    if comparison.approach == "guided":
        return key in pools.guided
    names = chosen.get(key, {})
    return comparison.approach in names and (comparison.reference is None or comparison.reference in names)


def _nothing(number: int, comparison: Comparison, pools: Pools, chosen: Chosen) -> str:
    asked = ", ".join(f"{k}={v}" for k, v in comparison.model_dump(exclude_none=True).items())
    found = sorted({f"{'/'.join(k)} ({', '.join(sorted(chosen.get(k, {}))) or 'no subsets'})" for k in pools})
    return f"comparisons.{number} ({asked}) fits no run; there are {'; '.join(found) or 'no samples'}"


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def _compare(
    c: Comparison, key: Key, pools: Pools, chosen: Chosen, design: Design, share: int
) -> Iterable[dict[str, Any]]:
    items = sorted(i for i in pools[key] if c.approach != "guided" or i in pools[pools.guided[key]])
    # the items do not depend on the comparison, so that all approaches see the same images
    items = sorted(_generator(design.seed, "items", *key).permutation(items)[:share].tolist())
    sides = _generator(design.seed, "sides", c.study, c.approach, str(c.reference), *key)
    first = sides.permutation(len(items)) % 2 == 0
    for item, approach_left in zip(items, first, strict=True):
        row = {"experiment": design.experiment, "study": c.study, "practice": False, "item": item, **key._asdict()}
        row["approach"] = c.approach
        ours = _members(c, c.approach, key, item, pools, chosen, design)
        if c.reference is None:
            row |= {"left": c.approach, "left_samples": ours, "target_sample": _target(key, item, pools, chosen)}
        else:
            theirs = _members(c, c.reference, key, item, pools, chosen, design)
            left, right = (ours, theirs) if approach_left else (theirs, ours)
            names = (c.approach, c.reference) if approach_left else (c.reference, c.approach)
            row |= {"left": names[0], "right": names[1], "left_samples": left, "right_samples": right}
        yield row | {"question": _identity(row, pools)}


def _members(c: Comparison, name: str, key: Key, item: str, pools: Pools, chosen: Chosen, design: Design) -> list[int]:
    """Return the sample numbers shown of the set ``name``, in an order that does not reveal how they were chosen."""
    rng = _generator(design.seed, "members", c.study, name, *key, item)
    if name in ("guided", "vanilla"):
        pool = sorted(pools[pools.guided[key] if name == "guided" else key][item])[: design.count]
        if c.study == "paired_quality":  # the same sample numbers on both sides, hence the same noise
            return [pool[int(_generator(design.seed, "quality", *key, item).integers(len(pool)))]]
    else:
        pool = list(chosen[key][name].get(item, []))[: design.count]
    if len(pool) < design.count:
        where = f"{'/'.join(key)}, item {item}"
        raise PosterityError(f"set {name!r} of {where} has {len(pool)} samples; the study's count is {design.count}")
    return [int(s) for s in rng.permutation(pool)]


def _target(key: Key, item: str, pools: Pools, chosen: Chosen) -> int:
    """Return the last sample of the pool that none of its subsets shows (paper: a 101st draw)."""
    shown = {s for members in chosen[key].values() for s in members.get(item, [])}
    free = [s for s in pools[key][item] if s not in shown]
    if not free:
        where = f"{'/'.join(key)}, item {item}"
        raise PosterityError(f"coverage of {where}: its subsets show the whole pool, so no sample is left as a target")
    return max(free)


def about(row: Mapping[str, Any]) -> str:
    """Return a name for a question's study and item; a participant sees each such pair at most once."""
    return "/".join(row[k] for k in ("study", "dataset", "task", "prior", "item"))


def limit(about_questions: Mapping[str, Any]) -> int:
    """Return the maximum number of questions per participant, from the provenance of questions.parquet."""
    default = Design.model_fields["questions"].default
    return int(about_questions.get("origin", {}).get("settings", {}).get("questions", default))


def asked_of_each(rows: Iterable[Mapping[str, Any]], limit: int) -> int:
    """Return the number of questions, at most ``limit``, that the page asks one participant."""
    return min(limit, len({about(r) for r in rows}))


def fingerprint(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a hash of the questions in any order: the version of the design that the page saves with answers."""
    return hashlib.sha256("\n".join(sorted(r["question"] for r in rows)).encode()).hexdigest()[:12]


def images(row: Mapping[str, Any], pools: Pools) -> tuple[list[bytes], list[bytes], bytes | None]:
    """Return the PNGs of a question's left set, right set and target."""
    key = Key(row["dataset"], row["task"], row["prior"], row["sampler"])

    def of(name: str | None, samples: Sequence[int] | None) -> list[bytes]:
        pool = pools[pools.guided[key] if name == "guided" else key][row["item"]]
        return [pool[s] for s in samples or ()]

    target = row.get("target_sample")
    left, right = of(row["left"], row["left_samples"]), of(row.get("right"), row.get("right_samples"))
    return left, right, None if target is None else pools[key][row["item"]][target]


def _identity(row: Mapping[str, Any], pools: Pools) -> str:
    """Return a question's name, which does not reveal the sides and changes with anything that a participant sees."""
    left, right, target = images(row, pools)
    seen = hashlib.sha256(repr([sorted(row.items(), key=str), left, right, target]).encode())
    return "q" + seen.hexdigest()[:12]
