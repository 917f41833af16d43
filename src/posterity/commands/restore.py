"""``posterity restore``: restores a user's picture, given a mask or a task, or an ECG, given what is missing."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.errors import PosterityError

__all__ = ["restore"]

_log = logging.getLogger(__name__)
_OUTPUT = Path("restored")
_ECGS = (".hea", ".dat", ".dcm", ".csv", ".tsv")
"""File endings of ECGs."""
_OF_PICTURES = ("mask", "task", "measured", "images")
_OF_ECGS = ("missing", "rate")
"""Options that apply to one kind only."""


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A picture of any size and format, or an ECG: WFDB, DICOM or CSV.")],
    prior: Annotated[
        str | None,
        typer.Option(
            help="A network (a name of config/priors, a file or folder, owner/name on the hub), or kernel. For an ECG: "
            "ecg_network; the stationary Gaussian by default."
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask picture: white is hidden and restored.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Instead of a mask: a task of the configuration, e.g. sr4.")] = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="The picture is the task's measurement; by default it is degraded first.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Pictures that a kernel, gaussian or mixture prior is built from."),
    ] = None,
    size: Annotated[int, typer.Option(min=8, max=1024, help="Pixels per side of these pictures.")] = 64,
    missing: Annotated[
        str | None,
        typer.Option(metavar="LEADS|TIMES", help="What is missing in an ECG: V1,V2 or 2.5s-5s or V1:2.5s-5s."),
    ] = None,
    rate: Annotated[float | None, typer.Option("--fs", help="Samples per second of a CSV file.")] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="A sampler of the configuration, or a file. [default: ddnm; for ECGs exact, with a network mgps]"
        ),
    ] = None,
    number: Annotated[int, typer.Option("--n", min=1, help="Number of restorations shown.")] = 5,
    pool: Annotated[int, typer.Option(min=1, help="Number of samples that they are chosen from.")] = 40,
    subset: Annotated[str, typer.Option(help="Rule that chooses the restorations shown.")] = "fps",
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of diversity guidance.")] = None,
    coupled: Annotated[
        bool, typer.Option("--coupled", help="Couple the samples' noise with negative correlation.")
    ] = False,
    sigma_y: Annotated[
        float | None,
        typer.Option(min=0, max=2, help="Noise level: of a masked picture (black to white is 2), or of an ECG in mV."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder to write, complete or not at all. [default: restored/NAME]"),
    ] = None,
) -> None:
    """Draw plausible restorations of a picture or of an ECG and write them with a page that shows them.

    Example: posterity restore face.png --mask mask.png --prior openmoji64 --n 5 --pool 40
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = output or _OUTPUT / file.stem
    is_ecg = file.suffix.lower() in _ECGS
    _check(ctx, is_ecg)
    drawn = {"samples": pool, "guidance": guidance, "coupled": coupled, "seed": seed}
    shown = {"number": number, "subset": subset, "command": _command(ctx)}
    if is_ecg:
        noise = {} if sigma_y is None else {"sigma_y": sigma_y}
        tool = sampler or ("exact" if prior is None else "mgps")
        page = _ecg(file, missing or "", rate, folder, {"prior": prior, "sampler": tool, **noise, **drawn}, shown)
    else:
        given = {"mask": mask, "task": task, "measured": measured, "prior": prior, "images": images, "size": size}
        page = _picture(file, given, folder, {"sampler": sampler or "ddnm", "sigma_y": sigma_y or 0.0, **drawn}, shown)
    typer.echo(str(page))


def _picture(file: Path, given: dict[str, Any], folder: Path, drawn: dict[str, Any], shown: dict[str, Any]) -> Path:
    from posterity.front import measuring, priors, restoring, saving

    saving.refuse(folder)
    if (folder / saving.MARK).exists():
        _log.info("%s: what an earlier run wrote there will be replaced; --output FOLDER keeps both", folder)
    if given["images"] is not None and given["images"].resolve() in file.resolve().parents:
        _log.warning("%s is one of the pictures of --images: the prior contains the answer and will return it", file)
    known = priors.prior(given["prior"], given["images"], size=given["size"])
    what: Any = file
    if given["task"] is not None and not given["measured"]:
        what = measuring.degrade(file, given["task"], prior=known, seed=drawn["seed"])
    operator = given["task"] if given["measured"] else None
    pool = restoring.restore(what, given["mask"], operator, prior=known, **drawn)
    few = pool.subset(shown["subset"], shown["number"]) if shown["number"] < len(pool) else pool
    return saving.save(few, pool, folder, shown["command"], _named(file, given))


def _named(file: Path, given: dict[str, Any]) -> dict[str, str]:
    """Return the files of this run as arguments in Python, for the program on the page."""
    named = {"PICTURE": repr(str(file)), "MASK": repr(str(given["mask"]))}
    return named | {"IMAGES": f"{str(given['images'])!r}, size={given['size']}"}


def _ecg(
    file: Path, hidden: str, rate: float | None, folder: Path, drawn: dict[str, Any], shown: dict[str, Any]
) -> Path:  # fmt: skip
    from posterity.ecg import files
    from posterity.front import saving as folders
    from posterity.front.ecg import missing, restoring, saving

    folders.refuse(folder)
    record = missing.hidden(files.read(file, rate), hidden)
    return saving.save(restoring.restore(record, item=file.stem, **drawn), folder, **shown)


def _check(ctx: typer.Context, is_ecg: bool) -> None:
    """Raise PosterityError for mistakes that can be found without torch, which takes seconds to import."""
    from posterity.configuration.shapes import schema
    from posterity.front.home import home

    given = ctx.params
    options = {str(option.name): option.opts[0] for option in ctx.command.params}
    kind, others = ("an ECG", _OF_PICTURES) if is_ecg else ("a picture", _OF_ECGS)
    for name in others:
        if given[name]:
            raise PosterityError(f"{options[name]} is not for {kind}, which {given['file']} is by its file ending")
    for path in (given["file"], given["mask"]):
        if path is not None and not path.is_file():
            raise PosterityError(f"{path} is not a file")
    if not is_ecg and (given["mask"] is None) == (given["task"] is None):
        raise PosterityError("give --mask FILE or --task NAME to say what is to be restored")
    if given["measured"] and given["task"] is None:
        raise PosterityError("--measured needs --task: it says that the picture is the task's measurement")
    if not is_ecg and given["prior"] is None:
        raise PosterityError("give --prior: openmoji64, a network of your own, or kernel with --images FOLDER")
    if given["number"] > given["pool"]:
        said = f"--n {given['number']} is more than --pool {given['pool']}"
        raise PosterityError(f"{said}; draw at least as many samples as are shown")
    if given["subset"] not in (rules := schema("subsets")):
        raise PosterityError(f"--subset {given['subset']!r} does not exist; choose one of {', '.join(rules)}")
    if given["task"] is not None:
        home().task(given["task"])
    if given["sampler"] is not None and not given["sampler"].endswith(".py"):
        home().sampler(given["sampler"])


def _command(ctx: typer.Context) -> str:
    """Return the command line that repeats this run."""
    words = ["posterity", "restore"]
    for option in ctx.command.params:
        value = ctx.params.get(str(option.name))
        if option.param_type_name == "argument":
            words.append(str(value))
        elif value is True:
            words.append(option.opts[0])
        elif value not in (None, False) and value != option.default:
            words += [option.opts[0], str(value)]
    return shlex.join(words)
