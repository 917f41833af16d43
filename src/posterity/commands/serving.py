"""Commands that serve studies, report their progress, and pack them for Mechanical Turk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from posterity.errors import PosterityError

__all__ = ["hit", "people", "power", "serve"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DESIGN...", help="Folders of studies, e.g. results/study/NAME.", show_default=False),
]
Answers = Annotated[Path, typer.Argument(metavar="ANSWERS", help="File of answers of a served study.")]


def serve(
    designs: Folders,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine can connect.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 chooses a free one.")] = 8000,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of answers. [default: answers.sqlite in the folder]")
    ] = None,
    participants: Annotated[int, typer.Option(min=1, help="Maximum number of participants.")] = 100,
    per_condition: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of answers per condition (one comparison in one run).")
    ] = None,
    checks: Annotated[int, typer.Option(min=0, max=20, help="Attention checks per participant.")] = 2,
    consent: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text that participants agree to; blank lines separate paragraphs."),
    ] = None,
    completion_url: Annotated[
        str | None, typer.Option(help="Where the last page leads, e.g. Prolific's completion URL.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the assignment of questions.")] = 0,
    assets: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of fetched assets.")] = Path("data/assets"),
) -> None:
    """Serve a study's questions from this machine; each answer is on disk before the next question is asked.

    Stop it with Ctrl-C; the same command resumes. Analyse answers.sqlite with `posterity study analyse`.

    Example: posterity study serve results/study/mine --participants 40
    """
    from posterity.study.served import running, terms
    from posterity.study.served.desk import Desk

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given: dict[str, object] = {
        "participants": participants, "per_condition": per_condition, "checks": checks, "seed": seed,
        "completion_url": completion_url,
    }  # fmt: skip
    if consent is not None:
        given["consent"] = _text(consent)
    if answers is not None and len(designs) > 1:
        raise PosterityError("--answers names one file, but each study needs its own; leave it out")
    asked = terms.parse(given)
    desks = [Desk(folder, asked, answers, assets) for folder in dict.fromkeys(designs)]
    names = [desk.name for desk in desks]
    if len(set(names)) < len(names):
        raise PosterityError(f"two studies are called {max(names, key=names.count)!r}; serve them one at a time")
    at = running.listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    for desk in desks:
        typer.echo(f"http://{shown}:{at.getsockname()[1]}/{desk.name}/  answers: {desk.book.path}")
    if host not in _LOOPBACK:
        typer.echo(
            "others can reach this address; put a web server with HTTPS in front of it (docs/study.md)", err=True
        )
    running.run(desks, at)


def people(
    answers: Answers,
    reopen: Annotated[
        str | None, typer.Option(metavar="NAME", help="Let this participant continue in another browser.")
    ] = None,
) -> None:
    """List the participants of a served study as CSV: answers, failed attention checks, completion code.

    Example: posterity study people results/study/mine/answers.sqlite
    """
    import csv
    import sys
    from dataclasses import replace

    from posterity.study.responses import person
    from posterity.study.served.book import Book
    from posterity.study.served.reading import standing

    if reopen is not None:
        book = Book(answers)
        one = book.find(person(reopen))
        if one is None:
            raise PosterityError(f"{answers} has no participant {reopen!r}")
        book.add(replace(one, key=b""))
        book.close()
    rows = list(standing(answers))
    columns = ["participant", "code", "asked", "answered", "failed checks", "state"]
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    # a spreadsheet would evaluate a name that begins like a formula
    writer.writerows(row | {"participant": _harmless(row["participant"])} for row in rows)


def power(
    share: Annotated[float, typer.Option(min=0.01, max=0.99, help="Expected share of answers for the approach.")],
    images: Annotated[int, typer.Option(min=2, max=10_000, help="Number of images in the comparison.")],
    people: Annotated[
        list[int] | None, typer.Option(min=1, max=10_000, help="Number of participants; may be repeated.")
    ] = None,
    each: Annotated[int | None, typer.Option(min=1, help="Images per participant. [default: all]")] = None,
    person_sd: Annotated[
        float, typer.Option(min=0, max=5, help="Standard deviation between participants, in logits.")
    ] = 0.5,
    image_sd: Annotated[float, typer.Option(min=0, max=5, help="Standard deviation between images, in logits.")] = 1.0,
    chance: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share of answers under the null hypothesis.")
    ] = 0.5,
    studies: Annotated[
        int, typer.Option(min=10, max=100_000, help="Simulated studies per number of participants.")
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the simulation.")] = 0,
) -> None:
    """Simulate how likely a study with so many participants is to find a difference.

    Example: posterity study power --share 0.6 --images 50 --people 10 --people 40
    """
    from posterity.study.power import power as simulated

    counts = people or [5, 10, 20, 40, 80]
    found = simulated(share, counts, images, each=each, person_sd=person_sd, image_sd=image_sd, chance=chance,
                      studies=studies, seed=seed)  # fmt: skip
    typer.echo("people  power  width of the interval")
    for one in found:
        typer.echo(f"{one.people:6d}  {one.power:5.0%}  {one.width:5.1f} %")
    if share != chance and not any(one.power >= 0.8 for one in found):
        typer.echo("none reaches 80 %; add images, since more participants cannot make up for too few", err=True)


def hit(
    designs: Folders,
    url: Annotated[str, typer.Option(help="Address that serves the studies, e.g. https://study.example.org.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for hit.xml and hits.csv.")],
    reward: Annotated[float, typer.Option(min=0.01, help="Reward per participant, in US dollars.")] = 2.0,
) -> None:
    """Pack served studies for Mechanical Turk: an HTMLQuestion, and a CSV with one row per study.

    Example: posterity study hit results/study/mine --url https://study.example.org --output hit
    """
    from posterity.artifacts import store
    from posterity.study.served import turk
    from posterity.study.served.desk import questions_of

    if not url.startswith(("https://", "http://")):
        raise PosterityError(f"--url is {url!r}, expected an address that begins with https://")
    rows = [turk.row(*questions_of(folder), url, reward) for folder in dict.fromkeys(designs)]
    for name, content in {"hit.xml": turk.question(), "hits.csv": turk.table(rows)}.items():
        if output.exists() and not output.is_dir():
            raise PosterityError(f"--output {output} is not a folder")
        output.mkdir(parents=True, exist_ok=True)
        with store.replacing(output / name) as beside:
            beside.write_text(content, encoding="utf-8", newline="")
        typer.echo(str(output / name))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PosterityError(f"--consent {path} cannot be read as text "
                             f"({getattr(error, 'strerror', None) or 'it is not UTF-8'})") from error  # fmt: skip


def _harmless(name: str) -> str:
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
