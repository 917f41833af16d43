"""Writes restorations into a folder atomically: pictures, a contact sheet, a page."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import posterity
from posterity.artifacts import signals
from posterity.errors import PosterityError
from posterity.front import sheets
from posterity.front.measuring import OWN_MASK
from posterity.front.priors import CLOSED
from posterity.front.restorations import Restorations
from posterity.report import restored

__all__ = ["MARK", "PAGE", "refuse", "save", "whole"]

_UNNAMED: Mapping[str, str] = MappingProxyType({})
_SURE = 0.9995
"""Probability that would be rounded to 100 %."""
_TOLD = 5
"""Number of probabilities that the page spells out."""
PAGE, MARK = "index.html", "settings.json"
"""The page, and the file that marks a folder as written by :func:`save`."""


def save(
    few: Restorations, pool: Restorations, folder: Path, command: str = "", named: Mapping[str, str] = _UNNAMED
) -> Path:
    """Write the chosen samples, and the mean and uncertainty of the pool that they were chosen from.

    Arguments:
        few: the samples shown.
        pool: the samples that they were chosen from.
        folder: folder to write; see :meth:`Restorations.save`.
        command: the command that makes it again, "" if it was made from Python.
        named: Python for PICTURE, MASK and IMAGES in the program on the page, where they are known.

    Returns:
        The path of the page.
    """
    kind = few.measurement.kind
    files = {f"{name.replace(' ', '_')}.png": sheets.png(levels) for name, levels in sheets.pictures(few)}
    # the bytes that the workflow would store; grey stays grey
    files |= {f"sample_{number}.png": signals.png(signals.encode(x, kind))
              for number, x in zip(few.numbers or range(len(few)), few.samples, strict=True)}  # fmt: skip
    largest = None
    if len(pool) > 1:
        values, largest = sheets.spread(pool.uncertainty())
        files |= {"mean.png": sheets.png(kind.picture(pool.mean())), "uncertainty.png": sheets.png(values)}
    files["sheet.png"] = sheets.png(few.show())
    told = {"posterity": posterity.__version__, "command": command, "shown": list(few.numbers), **pool.about,
            "subset": few.about.get("subset")}  # fmt: skip
    files[MARK] = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False).encode()
    files[PAGE] = restored.render(_page(few, pool, files, largest, command, named)).encode()
    with whole(folder) as beside:
        for name, content in files.items():
            (beside / name).write_bytes(content)
    return folder / PAGE


def refuse(folder: Path) -> None:
    """Raise PosterityError where :func:`save` could not write, or would replace what it has not written."""
    try:
        above = next(one for one in (*folder.absolute().parents, Path("/")) if one.exists())
        if not above.is_dir():
            raise PosterityError(f"{folder} cannot be a folder, since {above} is a file")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PosterityError(f"{folder} cannot be written: {above} is closed to you")
        taken = folder.is_symlink() or (folder.exists() and not (folder / MARK).is_file())
        empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    except OSError as error:
        raise PosterityError(f"{str(folder)[:100]} cannot be a folder ({error.strerror})") from error
    if taken and not empty:
        raise PosterityError(f"{folder} exists and holds something else; name another folder")


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``, renamed to ``folder`` if the block succeeds, else deleted."""
    refuse(folder)
    beside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        yield beside
        beside.chmod(0o755)
        old = beside.with_name(f"{beside.name}.old")
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise PosterityError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def _page(
    few: Restorations, pool: Restorations, files: dict[str, bytes], largest: float | None, command: str,
    named: Mapping[str, str],
) -> restored.Page:  # fmt: skip
    numbers = few.numbers or range(len(few))
    about, one = pool.about, few.measurement
    samples = [restored.Tile(f"sample {n}", sheets.uri(files[f"sample_{n}.png"])) for n in numbers]
    how = "stripes: hidden" if one.keep is not None else f"by task {one.task}"
    beside = [restored.Tile(how, sheets.uri(files["measured.png"]))]
    if one.truth is not None:
        beside.append(restored.Tile("the original", sheets.uri(files["original.png"])))
    summary = []
    if largest is not None:
        summary = [restored.Tile(f"mean of {len(pool)} samples", sheets.uri(files["mean.png"])),
                   restored.Tile("uncertainty", sheets.uri(files["uncertainty.png"]))]  # fmt: skip
    chosen = f"{len(few)} of {len(pool)}, chosen by {few.about['subset']}" if few.numbers else f"{len(few)}"
    return restored.Page(
        one.item, beside, samples, summary, largest, len(few) < len(pool), _facts(about, pool, chosen), _knows(about),
        command, _program(about, few, pool, named),
    )  # fmt: skip


def _knows(about: Any) -> str:
    """Return what the prior was made from, which limits the restorations of any picture."""
    name = about["prior"]
    if name in CLOSED:
        return f"{name} knows only the pictures that it was made from.{_fitting(about.get('fits', []))}"
    told = f": {about['about'].rstrip('.')}" if about["about"] else ""
    return f"{name} is a network{told}. Restorations of other kinds of pictures are unreliable."


def _fitting(fits: Sequence[float]) -> str:
    """Say how many of the prior's pictures fit, with the exact probabilities of the first ones."""
    from posterity.figures.answers import percent

    if not fits:
        return ""
    words = [percent(p) if p < _SURE else "over 99.9 %" for p in fits[:_TOLD]]
    if len(fits) == 1:
        return f" One of them fits what was measured, with an exact probability of {words[0]}."
    told = f"{', '.join(words[:-1])} and {words[-1]}"
    if len(fits) > _TOLD:
        return f" {len(fits)} of them fit what was measured; the first {_TOLD} have exact probabilities of {told}."
    return f" {len(fits)} of them fit what was measured, with exact probabilities of {told}."


def _facts(about: Any, pool: Restorations, chosen: str) -> list[tuple[str, str]]:
    sampler = about["sampler"]
    settings = ", ".join(f"{k} {v}" for k, v in sampler["settings"].items())
    wrapped = [f"{name} ({', '.join(f'{k} {v}' for k, v in given.items())})"
               for one in sampler["wrap"] for name, given in one.items()]  # fmt: skip
    each = f"{pool.cost.forwards} evaluations and {pool.cost.backwards} gradients per sample"
    cost = f"{each}, {pool.cost.seconds:.1f} s in all"
    facts = [("samples", chosen), ("prior", about["prior"]), ("about the prior", about["about"]),
             ("task", about["task"]), ("noise σ_y", f"{about['sigma_y']:g}"), ("sampler", sampler["name"]),
             ("its settings", settings), ("around it", "; ".join(wrapped)), ("seed", str(about["seed"])),
             ("cost", cost), ("posterity", posterity.__version__)]  # fmt: skip
    return [(term, value) for term, value in facts if value]


def _program(about: Any, few: Restorations, pool: Restorations, named: Mapping[str, str]) -> str:
    """Return the call that draws the same samples in Python."""
    wrapped = {name: given for one in about["sampler"]["wrap"] for name, given in one.items()}
    picture, mask, images = (named.get(name, name) for name in ("PICTURE", "MASK", "IMAGES"))
    made = f", images={images}" if about["prior"] in CLOSED else ""
    lines = ["import posterity as po", "", f"prior = po.prior({about['prior']!r}{made})"]
    what = f"{picture}, operator={about['task']!r}"
    if about["task"] == OWN_MASK:
        what = f"{picture}, mask={mask}"
    elif pool.measurement.truth is not None:
        lines.append(f"measured = po.degrade({picture}, {about['task']!r}, prior=prior, seed={about['seed']})")
        what = "measured"
    given = [what, "prior=prior", f"sampler={about['sampler']['name']!r}", f"samples={len(pool)}"]
    given += [f"guidance={wrapped['diversity']!r}"] if "diversity" in wrapped else []
    given += [f"coupled={wrapped['coupled_noise']['group']!r}"] if "coupled_noise" in wrapped else []
    given += [f"sigma_y={about['sigma_y']:g}"] if about["task"] == OWN_MASK and about["sigma_y"] else []
    lines.append(f"pool = po.restore({', '.join(given)}, seed={about['seed']})")
    lines.append(f"pool.subset({few.about['subset']!r}, {len(few)}).show()" if few.numbers else "pool.show()")
    return "\n".join(lines)
