"""Trains a severity encoder, resuming where it was stopped, and evaluates it on unseen images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.stages import _training
from posterity.stages._settings import TrainSeverity
from posterity.stages._training_data import Data

if TYPE_CHECKING:
    from posterity.severities.training import Trainer

__all__ = ["run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Increase it when a training step computes something else: both unfinished and finished trainings then start over."""


def run(settings: dict[str, Any], *, inputs: Sequence[Path], output: Path, every: float = 60.0) -> None:
    """Write safetensors in half precision and, beside them, card.json and log.csv.

    The training state is kept in a hidden folder beside ``output`` until training is done; the result does not depend
    on where it was stopped. Finished weights of the same settings and data are kept.

    Arguments:
        settings: ``severity`` (its name), ``datasets`` ({name: weight of its images when drawing}), ``dataset`` (the
            one whose images the autoencoder is fitted to), ``split``, the settings ``task`` and ``autoencoder`` (no
            autoencoder if states are signals), ``training`` (see
            :class:`posterity.severities.training.Training`), ``license`` and ``about``.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        every: seconds between two saved states.
    """
    from posterity.severities.training import Trainer, Training

    asked = TrainSeverity.of(settings)
    data, how = Data(asked, inputs), _training.settled(Training, asked.training)
    _training.train(
        asked.severity, asked, data,
        [_VERSION, asdict(how), data.about, asked.task, asked.autoencoder, asked.dataset], output,
        lambda: Trainer(data.seen.float(), data.weights, _autoencoder(asked, data), asked.task, how),
        lambda trainer, trained: _finish(asked, trainer, trained, output), every,
    )  # fmt: skip


def _autoencoder(asked: TrainSeverity, data: Data) -> Any:
    """Return the autoencoder of the data set's latent prior; None if states are signals."""
    from posterity.priors import autoencoders

    how = asked.autoencoder
    if how is None:
        return None
    return autoencoders.fit(how, data.of(asked.dataset, how.get("split", "all")).double())


def _finish(asked: TrainSeverity, trainer: Trainer, trained: _training.Trained, output: Path) -> None:
    from safetensors.torch import save

    from posterity.severities._weights import packed

    how, network, autoencoder = trainer.how, trainer.averaged(), trainer.autoencoder
    weights = save(packed(network, autoencoder))
    signal = list(trained.data.seen.shape[1:])
    card = {
        "severity": asked.severity,
        "task": asked.task,
        "signal_shape": signal,
        "state_shape": signal if autoencoder is None else list(autoencoder.state_shape),
        "patch": getattr(autoencoder, "patch", None),
        "scale": getattr(autoencoder, "scale", None),
        "width": how.width,
        "blocks": how.blocks,
        "head": how.head,
        "parameters": sum(p.numel() for p in network.parameters()),
        "loss": trained.loss,
        **trained.card(trainer, weights),
    }
    _training.write(output, trainer, trained, weights, card, lambda: _examined(asked, trained.data, output))


def _examined(asked: TrainSeverity, data: Data, output: Path) -> dict[str, dict[str, float | None]]:
    """Return the stored encoder's results on the unseen images of each data set."""
    from posterity.severities._weights import load
    from posterity.severities.examination import examine

    trained, out = load(output), {}
    for name in asked.datasets:
        unseen = data.unseen_of(name)
        if len(unseen):
            out[name] = examine(trained, trained.encode, unseen.float(), asked.task).rounded()
            _log.info("%s, unseen images of %s: %s", asked.severity, name, out[name])
    return out
