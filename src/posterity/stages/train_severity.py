"""Trains a severity encoder, resuming where it was stopped, and evaluates it on unseen images."""

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
from posterity.jobs import parent_process
from posterity.jobs.checkpoints import States
from posterity.stages import _training

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

    data, how = _training.Data(settings, inputs), _training.settled(Training, settings["training"])
    about = [_VERSION, asdict(how), data.about, settings["task"], settings["autoencoder"], settings["dataset"]]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    if _training.finished(output, digest):
        _log.info("%s: trained already, %s is left as it is", settings["severity"], output)
        return
    trainer = Trainer(data.seen.float(), data.weights, _autoencoder(settings, data), settings["task"], how)
    parts = output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _training.resume(trainer, states)
    seconds += _training.advance(settings["severity"], trainer, states, output.parent, losses, seconds, every)
    _finish(settings, trainer, data, output, losses, seconds, digest)
    shutil.rmtree(parts, ignore_errors=True)


def _autoencoder(settings: Mapping[str, Any], data: _training.Data) -> Any:
    """Return the autoencoder of the data set's latent prior; None if states are signals."""
    from posterity.priors import autoencoders

    how = settings["autoencoder"]
    if how is None:
        return None
    return autoencoders.fit(how, data.of(settings["dataset"], how.get("split", "all")).double())


def _finish(
    settings: Mapping[str, Any], trainer: Trainer, data: _training.Data, output: Path,
    losses: Sequence[float], seconds: float, digest: str,
) -> None:  # fmt: skip
    import torch
    from safetensors.torch import save

    from posterity.severities._weights import packed

    how, network, autoencoder = trainer.how, trainer.averaged(), trainer.autoencoder
    weights = save(packed(network, autoencoder))
    last = losses[-min(len(losses), 500) :]
    signal = list(data.seen.shape[1:])
    card = {
        "severity": settings["severity"],
        "about": settings.get("about", ""),
        "license": settings.get("license", ""),
        "task": settings["task"],
        "signal_shape": signal,
        "state_shape": signal if autoencoder is None else list(autoencoder.state_shape),
        "patch": getattr(autoencoder, "patch", None),
        "scale": getattr(autoencoder, "scale", None),
        "width": how.width,
        "blocks": how.blocks,
        "head": how.head,
        "parameters": sum(p.numel() for p in network.parameters()),
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights), "precision": "float16"},
        "data": data.about,
        "training": asdict(how),
        "steps": trainer.step,
        "seconds": round(seconds, 1),
        "hardware": _training.hardware(torch.device("cpu")),
        "loss": round(sum(last) / len(last), 6),
        "digest": digest,
    }
    parent_process.waits_for(output)
    _training.write_log(output.with_name("log.csv"), trainer, losses)
    store.write_bytes(output, weights)
    # the card marks the training as complete; the weights cannot be loaded without it
    _training.write_card(output.with_name("card.json"), card | {"unseen": {}})
    found = _examined(settings, data, output)
    _training.write_card(output.with_name("card.json"), card | {"unseen": found})


def _examined(settings: Mapping[str, Any], data: _training.Data, output: Path) -> dict[str, dict[str, float | None]]:
    """Return the stored encoder's results on the unseen images of each data set."""
    from posterity.severities._weights import load
    from posterity.severities.examination import examine

    trained, out = load(output), {}
    for name in settings["datasets"]:
        unseen = data.unseen_of(name)
        if len(unseen):
            out[name] = examine(trained, trained.encode, unseen.float(), settings["task"]).rounded()
            _log.info("%s, unseen images of %s: %s", settings["severity"], name, out[name])
    return out
