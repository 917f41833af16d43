"""Trains a network prior, resuming where it was stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import _training
from posterity.stages._settings import Train
from posterity.stages._states import States
from posterity.stages._training_data import Data

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.priors.training import Trainer, Training

__all__ = ["run"]

_VERSION = 1
"""Increase it when a training step computes something else: both unfinished and finished trainings then start over."""
_SHEET = {True: (64, 8, 2), False: (24, 4, 1)}
"""(samples, columns, zoom) of a contact sheet: for images, and for time series, whose pictures are wide."""
_STEPS = 50
_SAMPLES = {
    True: f"unconditional samples, DDIM with {_STEPS} steps",
    False: f"restorations, of held-out items if there are any, DDPM with {_STEPS} steps",
}
_LATER = {"unet2d": ("family", "patch", "crop", "residual", "pool", "states"), "unet1d": ("pool", "states")}
"""Settings that a family's trainings had not at first; none of them changes its weights."""
_ALONE = "held-out items, of the Gaussian alone"


def run(
    settings: dict[str, Any],
    *,
    inputs: Sequence[Path],
    output: Path,
    autoencoder: Path | None = None,
    every: float = 60.0,
    sheets: float = 900.0,
) -> None:
    """Write safetensors in half precision and, beside them, card.json, samples.png, nearest.png and log.csv.

    The training state is kept in a hidden folder beside ``output`` until training is done; the result does
    not depend on where it was stopped. Finished weights of the same settings and data are kept.

    Arguments:
        settings: ``prior`` (its name), ``datasets`` ({name: weight of its signals when drawing}), ``split``,
            ``training`` (see :class:`posterity.priors.training.Training`), ``license`` and ``about``; for a prior of
            states ``autoencoder``, whose states of the images are trained on.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        autoencoder: weights of the autoencoder, if there is one.
        every: seconds between two saved states.
        sheets: seconds between two sheets of samples.
    """
    from posterity.priors.training import Training

    asked = Train.of(settings)
    data, how = Data(asked, inputs), _training.settled(Training, asked.training)
    states = States.of(data, how.flip, asked.autoencoder, autoencoder)
    depends = [_VERSION, _told(how), data.about, *([states.about] if states.about else [])]

    def sheet(trainer: Trainer) -> Tensor:
        return _sheet(trainer, states, output.with_name("samples.png"))

    _training.train(
        asked.prior, asked, data, depends, output, lambda: _trainer(how, states),
        lambda trainer, trained: _finish(asked.prior, trainer, trained, states, output), every, sheet, sheets,
    )  # fmt: skip


def _told(how: Training) -> dict[str, Any]:
    """Return the settings in the digest: of each family the original ones, so that old digests stay valid."""
    told = {key: value for key, value in asdict(how).items() if key != "condition" or value is not None}
    return {key: value for key, value in told.items() if key not in _LATER.get(how.family, ())}


def _trainer(how: Training, states: States) -> Trainer:
    """Return a fresh trainer, on the GPU if there is one."""
    import torch

    from posterity.jobs import devices
    from posterity.priors import networks
    from posterity.priors.training import Trainer

    architecture = _fitting(how, states)
    with torch.random.fork_rng():
        torch.manual_seed(how.seed)
        network = networks.build(how.family, architecture)
    # channels last: on a CPU, a step of the shipped 64x64 network takes 0.6 times as long
    network = network.to(devices.best()).to(memory_format=torch.channels_last)
    return Trainer(network, states.seen, states.data.weights, how, mirrored=states.mirrored)


def _fitting(how: Training, states: States) -> dict[str, Any]:
    """Return the arguments of the network.

    Raises:
        PosterityError: if these training settings do not fit the signals.
    """
    from posterity.priors.training import IN_TIME

    (channels, *sides), kind = states.seen.shape[1:], states.data.kind
    if (how.family in IN_TIME) != (len(sides) == 1):
        raise PosterityError(f"family {how.family} is not for an {kind.noun} of shape {(channels, *sides)}")
    if len(set(sides)) > 1:
        raise PosterityError(f"images of {sides[0]}x{sides[1]} are not square")
    if how.flip and not kind.flips:
        raise PosterityError(f"flip = true: a mirrored {kind.noun} is not a valid {kind.noun}; set flip: false")
    if how.crop is not None and how.crop > sides[-1]:
        raise PosterityError(f"crop = {how.crop}: the {kind.noun}s have {sides[-1]} samples")
    if how.condition is not None and kind.name != "ecg":
        raise PosterityError(f"condition = {how.condition}: its masks are of ECGs, not of {kind.noun}s")
    return how.architecture(channels, how.crop or sides[-1])


def _sheet(trainer: Trainer, states: States, path: Path) -> Tensor:
    from posterity.stages import _sheets

    kind, how, prior = states.data.kind, trainer.how, states.behind(trainer.prior())
    count, columns, zoom = _SHEET[kind.name == "image"]
    if how.condition is None:
        samples = _sheets.draw(prior, count, _STEPS, how.seed)
    else:
        signals = states.unseen if len(states.unseen) else states.seen
        samples = _sheets.restored(prior, how.condition, signals[:count], _STEPS, how.seed)
    store.write_bytes(path, _sheets.grid(kind, samples, columns, zoom))
    return samples


def _finish(name: str, trainer: Trainer, trained: _training.Trained, states: States, output: Path) -> None:
    import torch
    from safetensors.torch import save

    from posterity.priors import networks
    from posterity.stages import _sheets

    folder, how, data = output.parent, trainer.how, trained.data
    samples = _sheet(trainer, states, folder / "samples.png")
    near = _sheets.nearest(samples, data.seen, how.flip)
    pairs = torch.stack([samples, near], 1).flatten(0, 1)
    _, columns, zoom = _SHEET[data.kind.name == "image"]
    store.write_bytes(folder / "nearest.png", _sheets.grid(data.kind, pairs, 2 * columns, zoom))
    base = trainer.base.state() if trainer.base else {}
    weights = save(networks.halved(how.family, trainer.average) | base)
    card = {
        "prior": name,
        **trained.card(trainer, weights),
        "family": how.family,
        "residual": how.residual,
        "architecture": how.architecture(trainer.shape[0], trainer.shape[-1]),
        "parameters": sum(p.numel() for p in trainer.average.values()),
        "signal_shape": list(trainer.shape),
        **({"autoencoder": dict(states.about)} if states.about else {}),
        "prediction": how.prediction,
        "schedule": how.schedule,
        "sigma_data": how.sigma_data,
        "learned_variance": how.learned_variance,
        "label_factor": 250.0,
        "losses": {
            "training, mean of the last steps": trained.loss,
            "held-out items": round(trainer.held_out(states.unseen), 6) if len(data.unseen) else None,
        }
        | ({_ALONE: round(trainer.held_out(data.unseen, alone=True), 6)} if how.residual and len(data.unseen) else {}),
        "samples": f"samples.png: {len(samples)} {_SAMPLES[how.condition is None]}; nearest.png: each beside the "
        f"nearest training {data.kind.noun}",
        **({"condition": how.condition} if how.condition else {}),
    }
    _training.write(output, trainer, trained, weights, card)
