"""The training commands: networks of priors, severity encoders, autoencoders, and classifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from posterity.commands.datasets import prepared
from posterity.commands.plan import Workflow
from posterity.commands.stages import Coder, run
from posterity.errors import PosterityError

__all__ = ["TRAININGS", "train", "train_autoencoder", "train_classifier", "train_severity"]


@dataclass
class _Given:
    """The options of a training command."""

    config: Path | None
    settings: str | None
    name: str | None
    steps: int | None
    data: Path
    inputs: list[Path] | None
    output: Path | None
    snakefile: Path

    def train(
        self, stage: str, key: str, folder: str, trained: Callable[[Path, str | None], dict[str, Any]], **paths: Any
    ) -> None:
        """Run the stage.

        Arguments:
            stage: name of the stage.
            key: key of the settings that names what is trained.
            folder: subfolder of ``data`` for the weights.
            trained: returns the settings of a name in a configuration file.
            paths: further files of the stage.

        Raises:
            PosterityError: if the options do not go together.
        """
        if (self.config is None) == (self.settings is None):
            raise PosterityError("give --config, or --settings with --inputs and --output")
        settings, inputs, output = self.settings, self.inputs, self.output
        if self.config is not None:
            resolved = trained(self.config, self.name)
            name = resolved[key] if self.steps is None else f"{resolved[key]}-{self.steps}-steps"
            resolved["training"] |= {} if self.steps is None else {"steps": self.steps}
            settings = json.dumps(resolved)
            inputs = inputs or prepared(list(resolved["datasets"]), self.data, self.snakefile)
            output = output or self.data / folder / name / "weights.safetensors"
        if output is None or not inputs:
            raise PosterityError("--settings needs --inputs and --output")
        run(stage, str(settings), inputs=inputs, output=output, **paths)


def train(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file of config/priors, or the configuration; replaces --settings."),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Which prior of the file.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Try another number of steps; stored separately.")] = None,
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of datasets/ and priors/.")] = Path("data"),
    settings: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="Resolved settings.")] = None,
    inputs: Annotated[list[Path] | None, typer.Option(metavar="PATH...", help="items.parquet of its datasets.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Default: data/priors/NAME/weights.safetensors.")]
    = None,
    autoencoder: Coder = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:  # fmt: skip
    """Train a network prior; resumes where it was stopped. Missing datasets are prepared first.

    A prior that names an autoencoder is found in a whole configuration, and --autoencoder is the autoencoder's weights.

    Example: posterity train --config config/priors/openmoji32.yaml --steps 200
    """
    from posterity.configuration import load
    from posterity.configuration.training import trained

    whole = config is not None and "experiments" in load([config])
    given = _Given(config, settings, name, steps, data, inputs, output, snakefile)
    given.train(
        "train", "prior", "priors", partial(_planned, "train", "priors") if whole else trained, autoencoder=autoencoder
    )


def train_severity(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The configuration; replaces --settings.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Which severity of the configuration.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Try another number of steps; stored separately.")] = None,
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of datasets/ and severities/.")] = Path("data"),
    settings: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="Resolved settings.")] = None,
    inputs: Annotated[list[Path] | None, typer.Option(metavar="PATH...", help="items.parquet of its datasets.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Default: data/severities/NAME/weights.safetensors.")
    ] = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Train a severity encoder, which tells samplers where to start; resumes where it was stopped.

    Example: posterity train-severity --config config/config.yaml --name encoder_blur --steps 50
    """
    given = _Given(config, settings, name, steps, data, inputs, output, snakefile)
    given.train("train_severity", "severity", "severities", partial(_planned, "train_severity", "severities"))


def train_autoencoder(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The configuration; replaces --settings.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Which autoencoder of the configuration.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Try another number of steps; stored separately.")] = None,
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of datasets/ and autoencoders/.")] = Path("data"),
    settings: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="Resolved settings.")] = None,
    inputs: Annotated[list[Path] | None, typer.Option(metavar="PATH...", help="items.parquet of its datasets.")] = None,
    perceptual: Annotated[Path | None, typer.Option(metavar="PATH", help="Weights of VGG-16, for LPIPS.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Default: data/autoencoders/NAME/weights.safetensors.")
    ] = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Train the autoencoder of a latent prior; resumes where it was stopped.

    Example: posterity train-autoencoder --config config/config.yaml --name openmoji64 --steps 50
    """
    given, stage = _Given(config, settings, name, steps, data, inputs, output, snakefile), "train_autoencoder"
    given.train(stage, "autoencoder", "autoencoders", partial(_planned, stage, "autoencoders"), perceptual=perceptual)


def train_classifier(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The configuration; replaces --settings.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Which classifier of the configuration.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Try another number of steps; stored separately.")] = None,
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of datasets/ and classifiers/.")] = Path("data"),
    settings: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="Resolved settings.")] = None,
    inputs: Annotated[list[Path] | None, typer.Option(metavar="PATH...", help="items.parquet of its datasets.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Default: data/classifiers/NAME/weights.safetensors.")
    ] = None,
    snakefile: Workflow = Path("Snakefile"),
) -> None:
    """Train a diagnosis classifier of ECGs, and choose its thresholds; resumes where it was stopped.

    Example: posterity train-classifier --config config/config.yaml --name xresnet1d50
    """
    given, stage = _Given(config, settings, name, steps, data, inputs, output, snakefile), "train_classifier"
    given.train(stage, "classifier", "classifiers", partial(_planned, stage, "classifiers"))


def _planned(stage: str, part: str, config: Path, name: str | None) -> dict[str, Any]:
    """Return the settings of the only job of a stage in a configuration, or of ``name``.

    Arguments:
        stage: the stage that trains the ``part`` of a configuration.
        part: "priors", "severities", "autoencoders" or "classifiers".
        config: the configuration.
        name: name of the thing to train.
    """
    from posterity.configuration import load, resolve

    able = resolve(load([config]), config.parent).jobs.get(stage, {})
    names = [key[0] for key in able]
    if name is None and len(names) != 1:
        told = f"choose with --name ({', '.join(names)})"
        raise PosterityError(f"{config} has {len(names)} {part} with `train`; {told}")
    if (name or names[0],) not in able:
        told = ", ".join(names) or "none"
        what = {"train": "prior"}.get(stage, stage.removeprefix("train_"))
        raise PosterityError(f"{config} has no {what} {name!r} with `train` (it has {told})")
    return dict(able[name or names[0],].settings)


TRAININGS = (train, train_severity, train_autoencoder, train_classifier)
