"""Trains a diagnosis classifier, resuming where it was stopped, and chooses its thresholds on validation records."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError, meant
from posterity.stages import _training
from posterity.stages._settings import TrainClassifier
from posterity.stages._training_data import Data

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.classifiers._weights import Trained
    from posterity.classifiers.training import Trainer

__all__ = ["VALIDATION", "run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Increase it when a training step computes something else: both unfinished and finished trainings then start over."""
VALIDATION = "validation"
"""The split on which thresholds are chosen."""


def run(settings: dict[str, Any], *, inputs: Sequence[Path], output: Path, every: float = 60.0) -> None:
    """Write safetensors in half precision and, beside them, card.json and log.csv.

    The training state is kept in a hidden folder beside ``output`` until training is done; the result does not depend
    on where it was stopped. Finished weights of the same settings and data are kept.

    Arguments:
        settings: ``classifier`` (its name), ``datasets`` ({name: weight of its records when drawing}), ``split``,
            ``classes`` (attributes of the records), ``training`` (see
            :class:`posterity.classifiers.training.Training`), ``license`` and ``about``.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        every: seconds between two saved states.

    Raises:
        PosterityError: before training, for data that are no ECGs, lack validation records or a class.
    """
    from posterity.classifiers.training import Trainer, Training
    from posterity.jobs import devices

    asked = TrainClassifier.of(settings)
    data, how = Data(asked, inputs), _training.settled(Training, asked.training)
    if data.kind.name != "ecg":
        raise PosterityError(f"a classifier is trained on ECGs, not on an {data.kind.noun}")
    labels, wanted = (_labels(asked, data, split) for split in (asked.split, VALIDATION))
    _training.train(
        asked.classifier, asked, data,
        [_VERSION, asdict(how), data.about, asked.classes, labels.int().tolist(), wanted.int().tolist()], output,
        lambda: Trainer(data.seen.float(), data.weights, labels, how, devices.best()),
        lambda trainer, trained: _finish(asked, trainer, trained, wanted, output), every,
    )  # fmt: skip


def _labels(asked: TrainClassifier, data: Data, split: str) -> Tensor:
    """Return which records of a split are of which class, bool (records, classes); some are and some are not."""
    import torch

    told = [own for name in asked.datasets for own in data.attributes(name, split)]
    named = f"dataset {', '.join(asked.datasets)}"
    if not told:
        raise PosterityError(f"{named} has no item of split {split!r}, on which thresholds are chosen")
    known = sorted({one for own in told for one in own})
    for name in asked.classes:
        count = sum(name in own for own in told)
        if name not in known:
            valid = f"choose out of {', '.join(known) or 'none'}{meant(name, known)}"
            raise PosterityError(f"class {name!r} is no attribute of {named}, split {split!r}; {valid}")
        if count == len(told):
            raise PosterityError(f"class {name!r} is an attribute of all of {named}, split {split!r}; it needs others")
    return torch.tensor([[name in own for name in asked.classes] for own in told])


def _finish(asked: TrainClassifier, trainer: Trainer, trained: _training.Trained, wanted: Tensor, output: Path) -> None:
    import torch
    from safetensors.torch import save

    from posterity.classifiers._weights import Trained, packed

    how, network = trainer.how, trainer.averaged()
    state = packed(network)
    card = {
        "classifier": asked.classifier,
        "classes": [{"name": name, "threshold": 0.5} for name in asked.classes],
        "mean": trainer.mean,
        "deviation": trainer.deviation,
        "rate": float(trained.data.kind.rate or 0.0),
        "crop": how.crop,
        "stride": how.stride,
        "width": how.width,
        "blocks": list(how.blocks),
        "hidden": how.hidden,
        "parameters": sum(p.numel() for p in network.parameters()),
        "loss": trained.loss,
    }
    # of the weights as they are stored
    stored = Trained.of(card, state, str(output))
    records = torch.cat([trained.data.of(name, VALIDATION) for name in asked.datasets])
    card["classes"] = _chosen(stored, records, wanted, how.threshold)
    weights = save(state)
    _training.write(output, trainer, trained, weights, card | trained.card(trainer, weights))


def _chosen(stored: Trained, records: Tensor, wanted: Tensor, rule: str) -> list[dict[str, Any]]:
    """Return each class with its threshold, chosen on validation records, and its balanced accuracy there."""
    from posterity.ecg.accuracy import balanced_accuracy, threshold

    scores = stored.probabilities(records).double().numpy()
    out = []
    for column, one in enumerate(stored.classes):
        labels = wanted[:, column].numpy()
        at = threshold(scores[:, column], labels, rule)
        accuracy = round(balanced_accuracy(scores[:, column] >= at, labels), 6)
        _log.info("%s: threshold %.4f, balanced accuracy %.3f on %s records", one.name, at, accuracy, VALIDATION)
        out.append({"name": one.name, "threshold": at, "rule": rule, "balanced_accuracy": accuracy,
                    "records": len(labels), "positive": int(labels.sum())})  # fmt: skip
    return out
