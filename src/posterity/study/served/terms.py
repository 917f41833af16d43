"""On what terms a study is served: quotas, attention checks, consent, and where participants go afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from posterity.errors import PosterityError

__all__ = ["CONSENT", "Terms", "parse"]

CONSENT = (
    "You take part of your own free will and may stop at any time by closing this page. What is kept is the number or "
    "name that you give, your answers, and how long each took. Nothing else about you is recorded."
)
"""What participants agree to where the study says nothing else."""


class Terms(BaseModel):
    """Terms of one study.

    Arguments:
        participants: the most people who take part.
        per_condition: the most answers to one condition, a comparison in one run; a condition that has them is asked no
            more.
        checks: attention checks that each participant meets between questions.
        consent: what they agree to before the first question; blank lines part paragraphs.
        completion_url: where the last page leads, as Prolific asks for.
        away: seconds without an answer after which the place of somebody who has not finished is given to others.
        seed: of the order of questions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    participants: int = Field(100, ge=1, le=100_000)
    per_condition: int | None = Field(None, ge=1)
    checks: int = Field(2, ge=0, le=20)
    consent: str = Field(CONSENT, min_length=1, max_length=20_000)
    completion_url: str | None = Field(None, max_length=500)
    away: int = Field(3600, ge=60)
    seed: int = Field(0, ge=0)

    @field_validator("completion_url")
    @classmethod
    def _is_web(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("expected an address that begins with https://")
        return url


def parse(given: Mapping[str, Any]) -> Terms:
    """Return validated terms.

    Raises:
        PosterityError: a line with every mistake.
    """
    try:
        return Terms.model_validate(given)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))} is {str(e['input'])[:60]!r}: {e['msg']}" for e in error.errors()]
        raise PosterityError("; ".join(told)) from error
