"""Trains a network prior, resuming where it was stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.jobs import parent_process
from posterity.jobs.checkpoints import States
from posterity.stages import _training

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.priors.training import Trainer, Training
    from posterity.signals import Kind

__all__ = ["run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Increase it when a training step computes something else: both unfinished and finished trainings then start over."""
_SHEET = {True: (64, 8, 2), False: (24, 4, 1)}
"""(samples, columns, zoom) of a contact sheet: for images, and for time series, whose pictures are wide."""
_IN_TIME = ("family", "patch", "crop", "residual")
_ALONE = "held-out items, of the Gaussian alone"


def run(
    settings: dict[str, Any], *, inputs: Sequence[Path], output: Path, every: float = 60.0, sheets: float = 900.0
) -> None:
    """Write safetensors in half precision and, beside them, card.json, samples.png, nearest.png and log.csv.

    The training state is kept in a hidden folder beside ``output`` until training is done; the result does
    not depend on where it was stopped. Finished weights of the same settings and data are kept.

    Arguments:
        settings: ``prior`` (its name), ``datasets`` ({name: weight of its signals when drawing}), ``split``,
            ``training`` (see :class:`posterity.priors.training.Training`), ``license`` and ``about``.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        every: seconds between two saved states.
        sheets: seconds between two sheets of samples.
    """
    from posterity.priors.training import Training

    data, how = _training.Data(settings, inputs), _training.settled(Training, settings["training"])
    digest = hashlib.sha256(json.dumps([_VERSION, _told(how), data.about], sort_keys=True).encode()).hexdigest()
    if _training.finished(output, digest):
        _log.info("%s: trained already, %s is left as it is", settings["prior"], output)
        return
    trainer = _trainer(how, data)
    parts = output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _training.resume(trainer, states)
    seconds += _training.advance(
        settings["prior"], trainer, states, output.parent, losses, seconds, every,
        lambda: _sheet(trainer, data.kind, output.with_name("samples.png")), sheets,
    )  # fmt: skip
    _finish(settings, trainer, data, output, losses, seconds, digest)
    shutil.rmtree(parts, ignore_errors=True)


def _told(how: Training) -> dict[str, Any]:
    """Return the settings in the digest; for an image U-Net only the original ones, so that old digests stay valid."""
    told = asdict(how)
    return told if how.family != "unet2d" else {k: v for k, v in told.items() if k not in _IN_TIME}


def _trainer(how: Training, data: _training.Data) -> Trainer:
    """Return a fresh trainer, on the GPU if there is one."""
    import torch

    from posterity.jobs import devices
    from posterity.priors import networks
    from posterity.priors.training import Trainer

    architecture = _fitting(how, data)
    with torch.random.fork_rng():
        torch.manual_seed(how.seed)
        network = networks.build(how.family, architecture)
    # channels last: on a CPU, a step of the shipped 64x64 network takes 0.6 times as long
    network = network.to(devices.best()).to(memory_format=torch.channels_last)
    return Trainer(network, data.seen, data.weights, how)


def _fitting(how: Training, data: _training.Data) -> dict[str, Any]:
    """Return the arguments of the network.

    Raises:
        PosterityError: if these training settings do not fit the signals.
    """
    channels, *sides = data.seen.shape[1:]
    if (how.family == "unet1d") != (len(sides) == 1):
        raise PosterityError(
            f"family {how.family} is not for an {data.kind.noun} of shape {tuple(data.seen.shape[1:])}"
        )
    if len(set(sides)) > 1:
        raise PosterityError(f"images of {sides[0]}x{sides[1]} are not square")
    if how.flip and not data.kind.flips:
        raise PosterityError(
            f"flip = true: a mirrored {data.kind.noun} is not a valid {data.kind.noun}; set flip: false"
        )
    if how.crop is not None and how.crop > sides[-1]:
        raise PosterityError(f"crop = {how.crop}: the {data.kind.noun}s have {sides[-1]} samples")
    return how.architecture(channels, how.crop or sides[-1])


def _sheet(trainer: Trainer, kind: Kind, path: Path) -> Tensor:
    from posterity.stages import _sheets

    count, columns, zoom = _SHEET[kind.name == "image"]
    prior = trainer.prior()
    prior.bounds = kind.bounds
    samples = _sheets.draw(prior, count, 50, trainer.how.seed)
    store.write_bytes(path, _sheets.grid(kind, samples, columns, zoom))
    return samples


def _finish(
    settings: Mapping[str, Any], trainer: Trainer, data: _training.Data, output: Path,
    losses: Sequence[float], seconds: float, digest: str,
) -> None:  # fmt: skip
    import torch
    from safetensors.torch import save

    from posterity.stages import _sheets

    folder, how = output.parent, trainer.how
    samples = _sheet(trainer, data.kind, folder / "samples.png")
    near = _sheets.nearest(samples, data.seen, how.flip)
    pairs = torch.stack([samples, near], 1).flatten(0, 1)
    _, columns, zoom = _SHEET[data.kind.name == "image"]
    store.write_bytes(folder / "nearest.png", _sheets.grid(data.kind, pairs, 2 * columns, zoom))
    _training.write_log(folder / "log.csv", trainer, losses)
    base = trainer.base.state() if trainer.base else {}
    weights = save({name: p.half().cpu().contiguous() for name, p in trainer.average.items()} | base)
    last = losses[-min(len(losses), 500) :]
    card = {
        "prior": settings["prior"],
        "about": settings.get("about", ""),
        "license": settings.get("license", ""),
        "family": how.family,
        "residual": how.residual,
        "architecture": how.architecture(trainer.shape[0], trainer.shape[-1]),
        "parameters": sum(p.numel() for p in trainer.average.values()),
        "signal_shape": list(trainer.shape),
        "prediction": how.prediction,
        "schedule": how.schedule,
        "sigma_data": how.sigma_data,
        "learned_variance": how.learned_variance,
        "label_factor": 250.0,
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights), "precision": "float16"},
        "data": data.about,
        "training": asdict(how),
        "steps": trainer.step,
        "seconds": round(seconds, 1),
        "hardware": _training.hardware(trainer.device),
        "losses": {
            "training, mean of the last steps": round(sum(last) / len(last), 6),
            "held-out items": round(trainer.held_out(data.unseen), 6) if len(data.unseen) else None,
        }
        | ({_ALONE: round(trainer.held_out(data.unseen, alone=True), 6)} if how.residual and len(data.unseen) else {}),
        "samples": f"samples.png: {len(samples)} unconditional samples, DDIM with 50 steps; nearest.png: each beside "
        f"the nearest training {data.kind.noun}",
        "digest": digest,
    }
    parent_process.waits_for(output)
    store.write_bytes(output, weights)
    _training.write_card(folder / "card.json", card)
