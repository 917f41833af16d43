"""Builds the page: one self-contained HTML file with the program, the style and every picture.

The page contains question names, pictures and the order of the sets; only questions.parquet says which set is which.
jsPsych runs the trials if its release has been fetched, else a built-in runner with the part of its interface that
the page uses. Trials, order and saved answers are the same with both.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from posterity.assets import checksum
from posterity.study.design import STUDIES, Design, Pools, about, asked_of_each, fingerprint, images
from posterity.study.practice import Practice

__all__ = ["Album", "assemble", "build", "content_of", "engine", "readme", "schema", "sets"]

_DESIGN = '<script id="design" type="application/json">'

_README = """\
User study {experiment}

Open index.html in a web browser. It needs no network and no server: send the file, or put it on any web space.
The participant number can be part of the address: index.html?participant=P07

{listed}

Every participant answers up to {limit} of them, each item at most once per study. Keys: 1 and 2 (or the arrows),
Y and N. Answers are kept in the browser while the study runs; after a reload it continues where it stopped. At the
end the page saves a file answers-{experiment}-PARTICIPANT.json (described by schema.json). Collect these files in a
folder "responses" here and analyse them:

  posterity study analyse --settings '{{"seed":0,"replicates":10000}}' --questions questions.parquet \\
      --responses responses/*.json --output study.parquet

A spreadsheet also works, saved as CSV with one row per answer and the columns participant, question and answer,
optionally also study, experiment, milliseconds, design and simulated. "P07" and "p07" are the same participant.
Answers to another version of these questions and participants who did not finish are excluded and listed; the
latter are included if the settings have "partial":true.

For more than a handful of people, `posterity study serve` serves this folder on the web and keeps all answers in one
file (docs/study.md).

questions.parquet is the key: it says which set is which. Do not distribute it with the page.
The trials are run by {ran_by}. The pictures derive from data sets with these licences; observe them when you publish
the page:
{licences}
"""


class Album:
    """The distinct pictures as base64, in the order of first appearance."""

    def __init__(self, pictures: Sequence[str] = ()) -> None:
        self.pictures = list(pictures)
        self._place: dict[bytes, int] = {}

    def add(self, png: bytes) -> int:
        if png not in self._place:
            self._place[png] = len(self.pictures)
            self.pictures.append(base64.b64encode(png).decode())
        return self._place[png]


def build(
    rows: Sequence[Mapping[str, Any]], practice: Sequence[Practice], pools: Pools, design: Design, program: str
) -> str:
    """Return the text of index.html.

    Arguments:
        rows: questions without practice, in shuffled order.
        program: the JavaScript that runs the trials, from :func:`engine`.
    """
    album = Album()
    blocks = []
    for study in STUDIES:
        asked = [_question(r, pools, album) for r in rows if r["study"] == study]
        if asked:
            tried = [_practice(p, album) for p in practice if p.row["study"] == study]
            blocks.append({"study": study, "practice": tried, "questions": asked})
    content = {
        "experiment": design.experiment,
        "fingerprint": fingerprint(rows),
        "seed": design.seed,
        "limit": design.questions,
        "count": design.count,
        "blocks": blocks,
        "pictures": album.pictures,
    }
    return assemble(content, program)


def assemble(content: Mapping[str, Any], program: str, served: bool = False) -> str:
    """Return the page as HTML.

    Arguments:
        content: what it asks.
        program: the JavaScript that runs the trials.
        served: whether it sends answers to the server that it came from.
    """
    page = _template("page.html")
    policy = "default-src 'none';"
    parts = {
        "POLICY": f"{policy} connect-src 'self';" if served else policy,
        "TITLE": html.escape(str(content["experiment"])),
        "STYLE": _template("style.css"),
        "ENGINE": program.replace("</script", "<\\/script"),
        "PROGRAM": _template("study.js") + (_template("served.js") if served else "") + "\nwelcome();\n",
        "DESIGN": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    }
    for name, part in parts.items():
        page = page.replace(f"%{name}%", part, 1)
    return page


def content_of(page: str) -> dict[str, Any]:
    """Return the ``content`` of a page made by :func:`build`.

    Raises:
        ValueError: if it is not such a page.
    """
    _, mark, rest = page.partition(_DESIGN)
    if not mark:
        raise ValueError("is not a page of a study")
    found: dict[str, Any] = json.loads(rest.partition("</script>")[0])
    return found


def engine(assets: Path) -> tuple[str, str]:
    """Return (its name, JavaScript): jsPsych from ``assets``, or the built-in runner if it has not been fetched."""
    release = assets / "jspsych" / "index.browser.min.js"
    if release.is_file():
        checksum.verify(release)
        source = release.read_text(encoding="utf-8").rsplit("//# sourceMappingURL", 1)[0]
        return "jsPsych", _template("jspsych_notice.js") + source
    return "the built-in runner", _template("runner.js")


def schema() -> bytes:
    """Return schema.json, the JSON Schema of a saved file of answers."""
    return _template("schema.json").encode()


def readme(rows: Sequence[Mapping[str, Any]], design: Design, ran_by: str) -> str:
    """Return README.txt: how to run the study and where the answers go."""
    counts = {s: sum(r["study"] == s for r in rows) for s in STUDIES}
    listed = "\n".join(f"  {study}: {n} questions" for study, n in counts.items() if n)
    limit = asked_of_each(rows, design.questions)
    licences = "\n".join(f"  data/datasets/{d}/LICENSE.txt" for d in sorted({r["dataset"] for r in rows}))
    return _README.format(experiment=design.experiment, listed=listed, limit=limit, licences=licences, ran_by=ran_by)


def _question(row: Mapping[str, Any], pools: Pools, album: Album) -> dict[str, Any]:
    left, right, target = images(row, pools)
    group = hashlib.sha256(about(row).encode()).hexdigest()[:8]
    return {"id": row["question"], "group": group, **sets(left, right, target, album)}


def _practice(tried: Practice, album: Album) -> dict[str, Any]:
    shown = sets(tried.left, tried.right, tried.target, album)
    return {"id": tried.row["question"], "correct": tried.correct, "because": tried.because, **shown}


def sets(left: list[bytes], right: list[bytes], target: bytes | None, album: Album) -> dict[str, Any]:
    aim = None if target is None else album.add(target)
    return {"target": aim, "sets": [[album.add(p) for p in s] for s in (left, right) if s]}


def _template(name: str) -> str:
    return (resources.files("posterity.study") / "template" / name).read_text(encoding="utf-8")
