"""The terms on which a study is served: quotas, attention checks, consent, and where participants go afterwards."""

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
"""The default consent text."""


class Terms(BaseModel):
    """Terms of one study.

    Arguments:
        participants: maximum number of participants.
        per_condition: maximum number of answers per condition (a comparison in one run); a full condition is not asked
            again.
        checks: attention checks per participant, between the questions.
        consent: text that they agree to before the first question; blank lines separate paragraphs.
        completion_url: where the last page leads, e.g. Prolific's completion URL.
        away: seconds without an answer after which an unfinished participant's place is given to others.
        seed: seed of the order of questions.
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
        PosterityError: with all mistakes in one line.
    """
    try:
        return Terms.model_validate(given)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))} is {str(e['input'])[:60]!r}: {e['msg']}" for e in error.errors()]
        raise PosterityError("; ".join(told)) from error
