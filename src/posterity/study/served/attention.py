"""Attention checks: questions on drawn faces with an indisputable answer, which the page treats like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from posterity.study.design import ANSWERS
from posterity.study.practice import face

__all__ = ["Check", "checks"]


class Check(NamedTuple):
    """An attention check: its name, its study, its pictures and the right answer."""

    question: str
    study: str
    sets: list[list[bytes]]
    target: bytes | None
    correct: str


def checks(secret: str, studies: Sequence[str], count: int, shown: int) -> list[Check]:
    """Return ``count`` checks, cycling through the studies, with randomised right answers.

    Arguments:
        secret: secret of the file of answers, which seeds names, sides and faces so that they cannot be guessed.
        studies: forms of question that the study asks.
        count: number of checks.
        shown: pictures in a set.
    """
    rng = np.random.default_rng(list(hashlib.sha256(secret.encode()).digest()))
    return [_check(secret, studies[number % len(studies)], number, shown, rng) for number in range(count)]


def _check(secret: str, study: str, number: int, shown: int, rng: np.random.Generator) -> Check:
    first, second = ANSWERS[study]
    correct = first if rng.integers(2) else second
    skins = rng.permutation(5)
    varied = [face(int(skins[k % 5]), (k + number) % 5) for k in range(shown)]
    alike = [face(int(skins[0]), number % 5)] * shown
    target: bytes | None = None
    if study == "paired_diversity":
        sets: list[Any] = [varied, alike] if correct == first else [alike, varied]
    elif study == "coverage":
        # one skin in the whole set; the target either has it and a mouth of the set, or neither
        sets = [alike]
        target = alike[0] if correct == first else face(int(skins[1]), (number + 2) % 5)
    else:
        clean, spoiled = [face(int(skins[0]), number % 5)], [face(int(skins[0]), number % 5, spoiled=True)]
        sets = [clean, spoiled] if correct == first else [spoiled, clean]
    name = hashlib.sha256(f"{secret}/{study}/{number}/check".encode()).hexdigest()[:12]
    return Check(f"q{name}", study, sets, target, correct)
