"""Trains an autoencoder, continues where it was stopped, and tells how near unseen images come back."""

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
    from posterity.priors.autoencoders.network import NetworkAutoencoder
    from posterity.priors.autoencoders.training import Trainer

__all__ = ["run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Raise it when a step of training gives another result: started and finished trainings then start again."""
_SHOWN, _ZOOM = 24, 2
"""Unseen images on the sheet, and its zoom."""


def run(
    settings: dict[str, Any],
    *,
    inputs: Sequence[Path],
    output: Path,
    perceptual: Path | None = None,
    every: float = 60.0,
) -> None:
    """Write safetensors in half precision and, beside them, card.json, unseen.png and log.csv.

    The state of training is kept in a hidden folder beside ``output`` until it is done; the result does not depend on
    where it was stopped. Finished weights of the same settings and data are left alone.

    Arguments:
        settings: ``autoencoder`` (its name), ``datasets`` ({name: how often its images are drawn}), ``split``,
            ``training`` (see :class:`posterity.priors.autoencoders.training.Training`), ``license`` and ``about``.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        perceptual: weights of VGG-16; without them the card has no LPIPS.
        every: seconds between two saved states.
    """
    from posterity.jobs import devices
    from posterity.priors.autoencoders.training import Trainer, Training

    data, how = _training.Data(settings, inputs), _training.settled(Training, settings["training"])
    if data.kind.name != "image":
        raise PosterityError(f"an autoencoder is trained on images, not on an {data.kind.noun}")
    digest = hashlib.sha256(json.dumps([_VERSION, asdict(how), data.about], sort_keys=True).encode()).hexdigest()
    if _training.finished(output, digest):
        _log.info("%s: trained already, %s is left as it is", settings["autoencoder"], output)
        return
    trainer = Trainer(data.seen.float(), data.weights, how, devices.best())
    parts = output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _training.resume(trainer, states)
    seconds += _training.advance(settings["autoencoder"], trainer, states, output.parent, losses, seconds, every)
    _finish(settings, trainer, data, output, losses, seconds, digest, perceptual)
    shutil.rmtree(parts, ignore_errors=True)


def _finish(
    settings: Mapping[str, Any], trainer: Trainer, data: _training.Data, output: Path,
    losses: Sequence[float], seconds: float, digest: str, perceptual: Path | None,
) -> None:  # fmt: skip
    from safetensors.torch import save

    how = trainer.how
    weights = save({name: p.half().cpu().contiguous() for name, p in trainer.average.items()})
    last = losses[-min(len(losses), 500) :]
    trained = _scaled(trainer, data)
    card = {
        "autoencoder": settings["autoencoder"],
        "about": settings.get("about", ""),
        "license": settings.get("license", ""),
        "family": how.family,
        "architecture": how.architecture(trained.signal_shape),
        "parameters": sum(p.numel() for p in trainer.average.values()),
        "signal_shape": list(trained.signal_shape),
        "state_shape": list(trained.state_shape),
        "scale": trained.scale,
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights), "precision": "float16"},
        "data": data.about,
        "training": asdict(how),
        "steps": trainer.step,
        "seconds": round(seconds, 1),
        "hardware": _training.hardware(trainer.device),
        "loss": round(sum(last) / len(last), 6),
        "digest": digest,
    }
    parent_process.waits_for(output)
    _training.write_log(output.with_name("log.csv"), trainer, losses)
    store.write_bytes(output, weights)
    # the card tells that all is there; without it the weights cannot be read
    _training.write_card(output.with_name("card.json"), card | {"unseen": {}})
    found = _examined(settings, data, output, perceptual)
    _training.write_card(output.with_name("card.json"), card | {"unseen": found})


def _scaled(trainer: Trainer, data: _training.Data) -> NetworkAutoencoder:
    """Return the averaged network with the scale that gives states of the images a standard deviation of 1."""
    import torch

    from posterity.priors.autoencoders.network import NetworkAutoencoder

    shape = tuple(data.seen.shape[1:])
    plain = NetworkAutoencoder(trainer.averaged().to(trainer.device), trainer.how.family, shape, 1.0)
    with torch.no_grad():
        codes = torch.cat([plain.encode(part.float()) for part in data.seen.split(32)])
    return NetworkAutoencoder(plain.network, trainer.how.family, shape, 1 / float(codes.double().std()))


def _examined(
    settings: Mapping[str, Any], data: _training.Data, output: Path, perceptual: Path | None
) -> dict[str, dict[str, Any]]:
    """Return how near unseen images of each data set come back through the stored network, and through patch PCA."""
    import torch

    from posterity.priors.autoencoders.examination import alike, examine
    from posterity.priors.autoencoders.network import load
    from posterity.stages import _sheets

    trained, out, shown = load(output), {}, []
    linear = alike(data.seen.double(), trained.state_shape)
    for name in settings["datasets"]:
        unseen = data.unseen_of(name).float()
        if not len(unseen):
            continue
        found: dict[str, Any] = {"images": len(unseen), **examine(trained, unseen, perceptual).rounded()}
        out[name] = found | ({"patch_pca": examine(linear, unseen, perceptual).rounded()} if linear else {})
        _log.info("%s, unseen images of %s: %s", settings["autoencoder"], name, out[name])
        some = unseen[:: max(1, len(unseen) * len(settings["datasets"]) // _SHOWN)]
        with torch.no_grad():
            shown += [torch.stack([some, trained.decode(trained.encode(some)).clamp(-1, 1)], 1).flatten(0, 1)]
    if shown:
        store.write_bytes(output.with_name("unseen.png"), _sheets.grid(data.kind, torch.cat(shown), 12, _ZOOM))
    return out
