"""Files for Mechanical Turk, to send people to a served study: an HTMLQuestion, and a CSV with its variables.

The HIT asks for the completion code that the study's last page shows; `posterity study people` lists the right ones.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

__all__ = ["COLUMNS", "question", "row", "table"]

COLUMNS = ("study", "url", "questions", "minutes", "reward")
"""Variables of the HTMLQuestion."""
_SECONDS = 8
"""Seconds per question."""


def question() -> str:
    """Return the HTMLQuestion, an XML document with placeholders such as ``${url}``."""
    page = (resources.files("posterity.study") / "template" / "hit.html").read_text(encoding="utf-8")
    space = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"
    return (
        f'<HTMLQuestion xmlns="{space}">\n<HTMLContent><![CDATA[{page}]]></HTMLContent>\n'
        "<FrameHeight>640</FrameHeight>\n</HTMLQuestion>\n"
    )


def row(experiment: str, asked: int, url: str, reward: float) -> dict[str, Any]:
    """Return a study's variables.

    Arguments:
        experiment: its name.
        asked: questions per participant.
        url: address of the server.
        reward: reward in US dollars.
    """
    minutes = max(2, -(-asked * _SECONDS // 60))
    address = f"{url.rstrip('/')}/{experiment}/"
    return dict(zip(COLUMNS, (experiment, address, asked, minutes, f"{reward:.2f}"), strict=True))


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV for Mechanical Turk."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
