"""Estimates how often the approach was preferred or covered the target (Cohen et al. 2024, Figs. 6 and 8)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.study import effects

__all__ = ["bootstrap", "score"]

Counts = NDArray[np.int64]


def bootstrap(successes: Counts, answers: Counts, replicates: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile interval of the percentage of successes.

    Resamples images, then the answers of each drawn image: k successes of n become a binomial draw.

    Arguments:
        successes: (images,) answers that count for the approach.
        answers: (images,) all answers, each at least 1.
    """
    drawn = rng.integers(len(answers), size=(replicates, len(answers)))
    again = rng.binomial(answers[drawn], (successes / answers)[drawn])
    percentages = 100 * again.sum(1) / answers[drawn].sum(1)
    low, high = np.percentile(percentages, (2.5, 97.5))
    return float(low), float(high)


def score(
    questions: Sequence[Mapping[str, Any]], responses: Sequence[Mapping[str, Any]], replicates: int, seed: int,
    with_effects: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return rows of the artifact "tables": one percentage per study (table), run (row) and approach (column).

    ``row`` is "dataset/task/prior/sampler"; simulated and real respondents are never mixed. ``published`` is
    null, because the paper gives these numbers only in plots.

    Arguments:
        questions: rows of the artifact "questions".
        responses: rows of the artifact "responses", each with its participant if ``with_effects``.
        replicates: number of bootstrap replicates.
        seed: seed of all draws.
        with_effects: adds the estimate of the mixed-effects model for each percentage, in a table "STUDY_effects".
    """
    asked = {q["question"]: (q, *_compared(q)) for q in questions if not q["practice"]}
    groups: dict[tuple[Any, ...], dict[str, list[tuple[str, bool]]]] = defaultdict(lambda: defaultdict(list))
    for response in responses:
        q, *compared = asked[response["question"]]
        answer = (str(response.get("participant")), _success(q, response["answer"]))
        groups[*compared, bool(response["simulated"])][q["item"]].append(answer)
    rows, modelled = [], []
    for key in sorted(groups, key=str):
        study, run, approach, against, simulated = key
        items = groups[key]
        successes = np.array([sum(success for _, success in items[i]) for i in sorted(items)])
        answers = np.array([len(items[i]) for i in sorted(items)])
        # each number has its own generator, so that other groups cannot change its interval
        name = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big")
        low, high = bootstrap(successes, answers, replicates, np.random.default_rng([seed, name]))
        note = [f"against {against}"] if against else ["said yes"]
        note += ["simulated respondent"] if simulated else []
        row = {
            "experiment": _experiment(questions),
            "table": study,
            "row": run,
            "column": approach,
            "value": 100 * float(successes.sum() / answers.sum()),
            "low": low,
            "high": high,
            "count": int(answers.sum()),
            "note": ", ".join(note),
        }
        rows.append(row)
        modelled += _modelled(row, items) if with_effects else []
    return rows + modelled


def _modelled(row: dict[str, Any], items: Mapping[str, list[tuple[str, bool]]]) -> list[dict[str, Any]]:
    """Return the row of the mixed-effects model for a row; none if the model cannot be fitted."""
    each = [(item, who, success) for item, answers in sorted(items.items()) for who, success in answers]
    found = effects.fit([s for *_, s in each], [who for _, who, _ in each], [item for item, *_ in each])
    if found is None:
        return []
    said = f"{row['note']}, mixed effects: SD {found.people:.2g} % between people, {found.images:.2g} % between images"
    told = {"value": found.value, "low": found.low, "high": found.high, "note": said}
    return [row | told | {"table": f"{row['table']}_effects"}]


def _compared(question: Mapping[str, Any]) -> tuple[str, str, str, str | None]:
    """Return (study, run, approach, against)."""
    q = question
    against = q["left"] if q["approach"] == q["right"] else q["right"]
    return q["study"], "/".join(q[k] for k in ("dataset", "task", "prior", "sampler")), q["approach"], against


def _experiment(questions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the name of the experiment that the questions belong to; None without questions."""
    return next((q["experiment"] for q in questions), None)


def _success(question: Mapping[str, Any], answer: str) -> bool:
    if question["study"] == "coverage":
        return answer == "yes"
    return bool(question[answer] == question["approach"])
