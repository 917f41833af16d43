"""Assigns questions to participants: evenly over conditions, within the quotas, no item twice per study."""

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
    """Return the name of a question's condition: a comparison in one run."""
    against = row["left"] if row["approach"] == row["right"] else row["right"]
    return "/".join(str(part) for part in (row["study"], *(row[k] for k in _RUN), row["approach"], against))


def asked(
    rows: Sequence[Mapping[str, Any]], taken: Counter[str], limit: int, most: int | None, checks: Sequence[Check],
    seed: str,
) -> list[str]:  # fmt: skip
    """Return the names of a new participant's questions in order, including the attention checks.

    Arguments:
        rows: questions without practice.
        taken: number of answers that count for each question so far.
        limit: maximum number of questions.
        most: maximum number of answers per condition, None for no limit.
        checks: attention checks of the participant.
        seed: seed of the order, different for each participant.
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
