"""Decides who is asked what: evenly over conditions, within the quotas, no item twice in a study."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from posterity.study.design import STUDIES, about
from posterity.study.served.attention import Check

__all__ = ["asked", "condition"]

_RUN = ("dataset", "task", "prior", "sampler")


def condition(row: Mapping[str, Any]) -> str:
    """Name what an answer counts for: a comparison in one run."""
    against = row["left"] if row["approach"] == row["right"] else row["right"]
    return "/".join(str(part) for part in (row["study"], *(row[k] for k in _RUN), row["approach"], against))


def asked(
    rows: Sequence[Mapping[str, Any]], taken: Counter[str], limit: int, most: int | None, checks: Sequence[Check],
    seed: str,
) -> list[str]:  # fmt: skip
    """Return the names of a new participant's questions in their order, with the attention checks among them.

    Arguments:
        rows: questions without practice.
        taken: how often each question counts as answered so far.
        limit: the most questions.
        most: the most answers to one condition, None for any number.
        checks: that the participant meets.
        seed: of the order; another for each participant.
    """
    draw = random.Random(seed)
    of = {row["question"]: condition(row) for row in rows}
    full: Counter[str] = Counter()
    for question, count in taken.items():
        full[of.get(question, "")] += count
    left = draw.sample(rows, len(rows))
    chosen: dict[str, list[str]] = defaultdict(list)
    for _ in range(limit):
        open_ = [row for row in left if most is None or full[of[row["question"]]] < most]
        if not open_:
            break
        one = min(open_, key=lambda row: (full[of[row["question"]]], taken[row["question"]]))
        full[of[one["question"]]] += 1
        left = [row for row in left if about(row) != about(one)]
        chosen[one["study"]].append(one["question"])
    for names in chosen.values():
        draw.shuffle(names)
    for check in checks:
        if mine := chosen.get(check.study):
            mine.insert(draw.randint(1, len(mine)), check.question)
    return [name for study in STUDIES for name in chosen.get(study, ())]
