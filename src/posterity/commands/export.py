"""``posterity export`` packs a finished, up-to-date experiment."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.commands.dry_run import Dry, JobHere, dry_run
from posterity.commands.plan import Configs, Workflow
from posterity.commands.redraw import DRAWN, MANIFEST, inside
from posterity.errors import PosterityError

__all__ = ["export"]

_README = """\
Experiment {experiment}: {title}

{manifest} names every file here with its SHA-256, and every table and figure with its settings, its inputs, the
revision of the code and the versions of the packages. Each Parquet file also holds its own record of these.

Draw all tables and figures again, without data sets, networks or sampling:

    posterity redraw {archive} --output redrawn

Run the experiment again: unpack config/ over the one of a clone, then

    snakemake {target}

The licences of the images are in data/datasets/*/LICENSE.txt.
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
    from posterity.artifacts.digest import sha256

    configs = configfile or [Path("config/config.yaml")]
    found = dry_run([experiment.replace("-", "_")], configfile or [], snakefile)
    if experiment not in [*found.plan.experiments, *found.plan.on_request]:
        valid = ", ".join([*found.plan.experiments, *found.plan.on_request])
        raise PosterityError(f"experiment {experiment!r} is not in the configuration; choose one of {valid}")
    if found.running:
        raise PosterityError(
            f"{len(found.running)} jobs of experiment {experiment} are not done or out of date; "
            f"`posterity plan {experiment}` lists them, `snakemake {experiment.replace('-', '_')}` runs them"
        )
    output = output or Path(f"{experiment}.zip")
    products = [
        replace(job, inputs=found.made_from(job))
        for job in found.jobs
        if job.stage in DRAWN and job.key["experiment"] == experiment
    ]
    files = _files(found, products)
    title = found.plan.titles[experiment]
    manifest = {
        "experiment": experiment,
        "title": title,
        "products": [_product(job) for job in products],
        "files": {name: sha256(path) for name, path in files.items()},
        **_made_with(),
    }
    about = {"experiment": experiment, "title": title, "manifest": MANIFEST, "archive": output.name}
    readme = _README.format(target=experiment.replace("-", "_"), **about)
    texts = {"README.txt": readme, MANIFEST: json.dumps(manifest, indent=1, ensure_ascii=False)}
    _pack(output, files, texts | _configuration(configs))
    size = output.stat().st_size / 1e6
    typer.echo(f"{output}: {len(products)} tables and figures, {len(files)} files, {size:.1f} MB")


def _files(found: Dry, products: Sequence[JobHere]) -> dict[str, Path]:
    """Return {name in the archive: file} of the products, the artifacts behind them, and the data's licences."""
    paths = [p for job in products for p in (*job.inputs, *job.outputs)]
    paths += [str(Path(p).with_suffix(s)) for job in products for p in job.outputs[:1] for s in (".csv", ".md")]
    paths += [p for job in found.jobs if job.stage == "prepare" and {*job.outputs} & {*paths} for p in job.outputs]
    return {inside(p): Path(p) for p in dict.fromkeys(paths) if Path(p).is_file() and not p.endswith("sheet.png")}


def _product(job: JobHere) -> dict[str, Any]:
    """Return the manifest entry of a table or figure, with the settings that its file records."""
    from posterity.artifacts.origin import recorded

    about = recorded(Path(job.outputs[0]))
    inputs = [inside(p) for p in job.inputs if p.endswith(".parquet")]
    return {"stage": job.stage, "settings": dict(job.now), "code": about.get("code", job.code[1]), "inputs": inputs,
            "output": inside(job.outputs[0]), "versions": about.get("versions", {})}  # fmt: skip


def _made_with() -> dict[str, Any]:
    from posterity.artifacts import store

    return store.made_with()


def _configuration(configs: Sequence[Path]) -> dict[str, str]:
    """Return {name in the archive: text} of the merged configuration and the files in the folders beside it."""
    import yaml

    from posterity.configuration.loading import FOLDERS, load

    folder = configs[0].parent
    texts = {"config/config.yaml": yaml.safe_dump(load(configs), sort_keys=False)}
    for path in sorted(p for part in FOLDERS for p in (folder / part).glob("*.yaml")):
        texts[f"config/{path.relative_to(folder)}"] = path.read_text(encoding="utf-8")
    return texts


def _pack(output: Path, files: Mapping[str, Path], texts: Mapping[str, str]) -> None:
    """Write the zip with the same bytes for the same content; Parquet and PNG are stored, being compressed already."""
    from posterity.artifacts import store

    with store.replacing(output) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        contents: list[tuple[str, str | Path]] = [*texts.items(), *files.items()]
        for name, content in contents:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith((".parquet", ".png")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)
