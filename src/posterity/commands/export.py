"""``posterity export`` packs an experiment; ``posterity redraw`` draws its figures from that alone."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from posterity.commands.dry_run import Dry, JobHere, dry_run
from posterity.commands.plan import Configs, Workflow
from posterity.errors import PosterityError

__all__ = ["export", "redraw"]

_MANIFEST = "provenance.json"
_DRAWN = ("table", "figure")
_README = """\
Experiment {experiment}: {title}

{manifest} names every file here with its SHA-256, and every table and figure with its settings, its inputs, the
revision of the code and the versions of the packages. The Parquet files hold the same about themselves.

Draw all tables and figures again, without a data set, a network or a run of a sampler:

    posterity redraw {archive} --output redrawn

Run the experiment again: unpack config/ over that of a clone, then

    snakemake {target}

Images come under the licences in data/datasets/*/LICENSE.txt.
"""


def export(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="An experiment that has been run.")],
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Default: EXPERIMENT.zip.")] = None,
    configfile: Configs = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Pack an experiment: its Parquet, figures, configuration and provenance.

    Example: posterity export diversity --output diversity.zip
    """
    configs = configfile or [Path("config/config.yaml")]
    found = dry_run([experiment.replace("-", "_")], configfile or [], snakefile)
    if experiment not in [*found.plan.experiments, *found.plan.on_request]:
        valid = ", ".join([*found.plan.experiments, *found.plan.on_request])
        raise PosterityError(f"experiment {experiment!r} is not in the configuration; choose one of {valid}")
    if found.running:
        raise PosterityError(
            f"{len(found.running)} jobs of experiment {experiment} are not done or out of date; "
            f"`posterity plan {experiment}` tells which, `snakemake {experiment.replace('-', '_')}` runs them"
        )
    output = output or Path(f"{experiment}.zip")
    products = [
        replace(job, inputs=found.made_from(job))
        for job in found.jobs
        if job.stage in _DRAWN and job.key["experiment"] == experiment
    ]
    files = _files(found, products)
    title = found.plan.titles[experiment]
    manifest = {
        "experiment": experiment,
        "title": title,
        "products": [_product(job) for job in products],
        "files": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
        **_made_with(),
    }
    about = {"experiment": experiment, "title": title, "manifest": _MANIFEST, "archive": output.name}
    readme = _README.format(target=experiment.replace("-", "_"), **about)
    texts = {"README.txt": readme, _MANIFEST: json.dumps(manifest, indent=1, ensure_ascii=False)}
    _pack(output, files, texts | _configuration(configs))
    size = output.stat().st_size / 1e6
    typer.echo(f"{output}: {len(products)} tables and figures, {len(files)} files, {size:.1f} MB")


def _files(found: Dry, products: Sequence[JobHere]) -> dict[str, Path]:
    """What the products are drawn from, the products, and the licences of the data in them; by name in the archive."""
    paths = [p for job in products for p in (*job.inputs, *job.outputs)]
    paths += [str(Path(p).with_suffix(s)) for job in products for p in job.outputs[:1] for s in (".csv", ".md")]
    paths += [p for job in found.jobs if job.stage == "prepare" and {*job.outputs} & {*paths} for p in job.outputs]
    return {_inside(p): Path(p) for p in dict.fromkeys(paths) if Path(p).is_file() and not p.endswith("sheet.png")}


def _inside(path: str) -> str:
    """The name in the archive: never absolute, never above."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
    return "/".join(parts)


def _product(job: JobHere) -> dict[str, Any]:
    settings = dict(job.now)
    inputs = [_inside(p) for p in job.inputs if p.endswith(".parquet")]
    return {"stage": job.stage, "settings": settings, "code": job.code[1], "inputs": inputs,
            "output": _inside(job.outputs[0])}  # fmt: skip


def _made_with() -> dict[str, Any]:
    from posterity.artifacts import store

    return store.made_with()


def _configuration(configs: Sequence[Path]) -> dict[str, str]:
    """The configuration with its overlays merged in, and the folders beside it."""
    import yaml

    from posterity.configuration.loading import FOLDERS, load

    folder = configs[0].parent
    texts = {"config/config.yaml": yaml.safe_dump(load(configs), sort_keys=False)}
    for path in sorted(p for part in FOLDERS for p in (folder / part).glob("*.yaml")):
        texts[f"config/{path.relative_to(folder)}"] = path.read_text(encoding="utf-8")
    return texts


def _pack(output: Path, files: Mapping[str, Path], texts: Mapping[str, str]) -> None:
    """The same bytes for the same content; Parquet and PNG are compressed already."""
    from posterity.artifacts import store

    with store.replacing(output) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        contents: list[tuple[str, str | Path]] = [*texts.items(), *files.items()]
        for name, content in contents:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith((".parquet", ".png")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)


def redraw(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What `posterity export` wrote.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where tables and figures go.")],
) -> None:
    """Draw an exported experiment's tables and figures again, from the archive alone.

    Tells which are not, byte by byte, those in the archive; other versions of the packages may draw otherwise.

    Example: posterity redraw diversity.zip --output redrawn
    """
    from posterity.commands.stages import run_stage

    with tempfile.TemporaryDirectory() as folder:
        manifest = _unpack(archive, Path(folder))
        other: list[str] = []
        for product in manifest["products"]:
            target = output / product["output"]
            inputs = [Path(folder, name) for name in product["inputs"]]
            run_stage(product["stage"], product["settings"], inputs=inputs, output=target)
            other += _others(product, Path(folder), output)
        count = len(manifest["products"])
    for name in other:
        typer.echo(f"not the same as in the archive: {output / name}")
    typer.echo(f"{count} tables and figures in {output}, {count - len(other)} the same as in the archive")


def _unpack(archive: Path, folder: Path) -> dict[str, Any]:
    """The files are those that were packed, to the last bit."""
    try:
        with zipfile.ZipFile(archive) as opened:
            manifest: dict[str, Any] = json.loads(opened.read(_MANIFEST))
            for name in manifest["files"]:
                opened.extract(name, folder)
    except FileNotFoundError:
        raise PosterityError(f"{archive} does not exist") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise PosterityError(f"{archive} is not a whole archive of `posterity export` ({error})") from error
    named = [name for product in manifest["products"] for name in (product["output"], *product["inputs"])]
    if any(_inside(name) != name for name in named) or any(p["stage"] not in _DRAWN for p in manifest["products"]):
        raise PosterityError(f"{archive} is no archive of `posterity export`: it names files outside itself")
    for name, digest in manifest["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise PosterityError(f"{archive}: {name} is not what was packed")
    return manifest


def _others(product: Mapping[str, Any], packed: Path, drawn: Path) -> Iterator[str]:
    """The product's name if it came out otherwise; of tables what is compared is their text."""
    suffixes = (".csv", ".md") if product["stage"] == "table" else (".svg", ".png")
    names = [str(Path(product["output"]).with_suffix(suffix)) for suffix in suffixes]
    if any((packed / name).read_bytes() != (drawn / name).read_bytes() for name in names):
        yield names[0]
