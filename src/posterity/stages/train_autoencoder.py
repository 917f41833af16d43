"""Trains an autoencoder, continues where it was stopped, and tells how near unseen images come back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import _training
from posterity.stages._settings import TrainAutoencoder
from posterity.stages._training_data import Data

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

    asked = TrainAutoencoder.of(settings)
    data, how = Data(asked, inputs), _training.settled(Training, asked.training)
    if data.kind.name != "image":
        raise PosterityError(f"an autoencoder is trained on images, not on an {data.kind.noun}")
    _training.train(
        asked.autoencoder, asked, data, [_VERSION, asdict(how), data.about], output,
        lambda: Trainer(data.seen.float(), data.weights, how, devices.best()),
        lambda trainer, trained: _finish(asked, trainer, trained, output, perceptual), every,
    )  # fmt: skip


def _finish(
    asked: TrainAutoencoder, trainer: Trainer, trained: _training.Trained, output: Path, perceptual: Path | None
) -> None:
    from safetensors.torch import save

    how = trainer.how
    weights = save({name: p.half().cpu().contiguous() for name, p in trainer.average.items()})
    scaled = _scaled(trainer, trained.data)
    card = {
        "autoencoder": asked.autoencoder,
        "family": how.family,
        "architecture": how.architecture(scaled.signal_shape),
        "parameters": sum(p.numel() for p in trainer.average.values()),
        "signal_shape": list(scaled.signal_shape),
        "state_shape": list(scaled.state_shape),
        "scale": scaled.scale,
        "loss": trained.loss,
        **trained.card(trainer, weights),
    }
    _training.write(output, trainer, trained, weights, card, lambda: _examined(asked, trained.data, output, perceptual))


def _scaled(trainer: Trainer, data: Data) -> NetworkAutoencoder:
    """Return the averaged network with the scale that gives states of the images a standard deviation of 1."""
    import torch

    from posterity.priors.autoencoders.network import NetworkAutoencoder

    shape = tuple(data.seen.shape[1:])
    plain = NetworkAutoencoder(trainer.averaged().to(trainer.device), trainer.how.family, shape, 1.0)
    with torch.no_grad():
        codes = torch.cat([plain.encode(part.float()) for part in data.seen.split(32)])
    return NetworkAutoencoder(plain.network, trainer.how.family, shape, 1 / float(codes.double().std()))


def _examined(asked: TrainAutoencoder, data: Data, output: Path, perceptual: Path | None) -> dict[str, dict[str, Any]]:
    """Return how near unseen images of each data set come back through the stored network, and through patch PCA."""
    import torch

    from posterity.priors.autoencoders.examination import alike, examine
    from posterity.priors.autoencoders.network import load
    from posterity.stages import _sheets

    trained, out, shown = load(output), {}, []
    linear = alike(data.seen.double(), trained.state_shape)
    for name in asked.datasets:
        unseen = data.unseen_of(name).float()
        if not len(unseen):
            continue
        found: dict[str, Any] = {"images": len(unseen), **examine(trained, unseen, perceptual).rounded()}
        out[name] = found | ({"patch_pca": examine(linear, unseen, perceptual).rounded()} if linear else {})
        _log.info("%s, unseen images of %s: %s", asked.autoencoder, name, out[name])
        some = unseen[:: max(1, len(unseen) * len(asked.datasets) // _SHOWN)]
        with torch.no_grad():
            shown += [torch.stack([some, trained.decode(trained.encode(some)).clamp(-1, 1)], 1).flatten(0, 1)]
    if shown:
        store.write_bytes(output.with_name("unseen.png"), _sheets.grid(data.kind, torch.cat(shown), 12, _ZOOM))
    return out
