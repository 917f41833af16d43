"""Trains a network prior, and continues where it was stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import json_reader
from posterity.artifacts import signals, store
from posterity.errors import Again, PosterityError
from posterity.jobs import parent_process
from posterity.jobs.checkpoints import States
from posterity.jobs.interruption import between_items

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.priors.training import Trainer, Training
    from posterity.signals import Kind

__all__ = ["run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Raise it when a step of training gives another result: started and finished trainings then start again."""
_SHEET = {True: (64, 8, 2), False: (24, 4, 1)}
"""Samples, columns and zoom of a sheet: of images, and of signals in time, whose pictures are wide."""
_AVERAGED = 50
_IN_TIME = ("family", "patch", "crop", "residual")
_ALONE = "held-out items, of the Gaussian alone"


def run(
    settings: dict[str, Any], *, inputs: Sequence[Path], output: Path, every: float = 60.0, sheets: float = 900.0
) -> None:
    """Write safetensors in half precision and, beside them, card.json, samples.png, nearest.png and log.csv.

    The state of training is kept in a hidden folder beside ``output`` until it is done; the result does
    not depend on where it was stopped. Finished weights of the same settings and data are left alone.

    Arguments:
        settings: ``prior`` (its name), ``datasets`` ({name: how often its images are drawn}), ``split``,
            ``training`` (see :class:`posterity.priors.training.Training`), ``license`` and ``about``.
        inputs: items.parquet of each data set, in any order.
        output: weights.safetensors.
        every: seconds between two saved states.
        sheets: seconds between two sheets of samples.
    """
    data, how = _Data(settings, inputs), _how(settings["training"])
    digest = hashlib.sha256(json.dumps([_VERSION, _told(how), data.about], sort_keys=True).encode()).hexdigest()
    card = output.parent / "card.json"
    if _finished(output, card, digest):
        _log.info("%s: trained already, %s is left as it is", settings["prior"], output)
        return
    trainer = _trainer(how, data)
    parts = output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _resume(trainer, states)
    seconds += _advance(settings, trainer, data, states, output.parent, losses, seconds, every, sheets)
    _finish(settings, trainer, data, output, losses, seconds, digest)
    shutil.rmtree(parts, ignore_errors=True)


class _Data:
    """Signals (N, *signal) to train on with their weights, those held out, and what they are."""

    def __init__(self, settings: Mapping[str, Any], inputs: Sequence[Path]) -> None:
        import torch

        found = {}
        for path in inputs:
            rows = store.read(path, "items").to_pylist()
            found[str(rows[0]["dataset"]) if rows else ""] = rows
        if set(found) != set(settings["datasets"]):
            wanted = ", ".join(settings["datasets"])
            raise PosterityError(f"the inputs are items of {', '.join(found)}, the settings train on {wanted}")
        seen, unseen, weights, self.about = [], [], [], []
        for name, weight in settings["datasets"].items():
            content = hashlib.sha256()
            self.kind = signals.kind_of(found[name][0]["signal"])
            pictures, kept = [], []
            for row in found[name]:
                content.update(row["item"].encode() + _bytes(row["signal"]))
                pictures.append(signals.decode(row["signal"], f"item {row['item']} of {name}"))
                kept.append(settings["split"] in ("all", row["split"]))
            stacked, mask = torch.stack(pictures), torch.tensor(kept)
            if not mask.any():
                raise PosterityError(f"dataset {name} has no item of split {settings['split']!r}")
            seen.append(stacked[mask])
            unseen.append(stacked[~mask])
            weights.append(torch.full((int(mask.sum()),), float(weight) / int(mask.sum()), dtype=torch.float64))
            self.about.append({"dataset": name, "sha256": content.hexdigest(), "items": int(mask.sum()),
                               "split": settings["split"], "weight": weight})  # fmt: skip
        shapes = {tuple(part.shape[1:]) for part in seen}
        if len(shapes) > 1:
            told = ", ".join(map(str, sorted(shapes)))
            raise PosterityError(f"the datasets have {self.kind.noun}s of different shapes: {told}")
        self.seen, self.unseen, self.weights = torch.cat(seen), torch.cat(unseen), torch.cat(weights)


def _bytes(signal: Mapping[str, Any]) -> bytes:
    """Return the part of a signal that its digest covers."""
    import numpy as np

    content = signal["bytes"]
    return bytes(content) if content is not None else np.asarray(signal["values"], dtype="<f4").tobytes()


def _finished(output: Path, card: Path, digest: str) -> bool:
    try:
        return output.is_file() and json_reader.read(card).get("digest") == digest
    except (PosterityError, AttributeError):
        return False


def _how(given: Mapping[str, Any]) -> Training:
    from pydantic import ValidationError

    from posterity.priors.training import Training

    try:
        return Training(**given)
    except ValidationError as error:
        first = error.errors()[0]
        which = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
        raise PosterityError(f"training setting {which}{first['msg'].removeprefix('Value error, ')}") from error


def _told(how: Training) -> dict[str, Any]:
    """Return the settings that a training depends on; of a U-Net of images those that there were at first."""
    told = asdict(how)
    return told if how.family != "unet2d" else {k: v for k, v in told.items() if k not in _IN_TIME}


def _trainer(how: Training, data: _Data) -> Trainer:
    """Return a fresh one, on the GPU where there is one."""
    import torch

    from posterity.jobs import devices
    from posterity.priors import networks
    from posterity.priors.training import Trainer

    architecture = _fitting(how, data)
    with torch.random.fork_rng():
        torch.manual_seed(how.seed)
        network = networks.build(how.family, architecture)
    # channels last: a step of the shipped 64x64 network takes .6 of the time on a CPU
    network = network.to(devices.best()).to(memory_format=torch.channels_last)
    return Trainer(network, data.seen, data.weights, how)


def _fitting(how: Training, data: _Data) -> dict[str, Any]:
    """Return the network's arguments.

    Raises:
        PosterityError: where this training is not for these signals.
    """
    channels, *sides = data.seen.shape[1:]
    if (how.family == "unet1d") != (len(sides) == 1):
        raise PosterityError(
            f"family {how.family} is not for an {data.kind.noun} of shape {tuple(data.seen.shape[1:])}"
        )
    if len(set(sides)) > 1:
        raise PosterityError(f"images of {sides[0]}x{sides[1]} are not square")
    if how.flip and not data.kind.flips:
        raise PosterityError(f"flip = true: a mirrored {data.kind.noun} is none; set flip: false")
    if how.crop is not None and how.crop > sides[-1]:
        raise PosterityError(f"crop = {how.crop}: the {data.kind.noun}s have {sides[-1]} samples")
    return how.architecture(channels, how.crop or sides[-1])


def _resume(trainer: Trainer, states: States) -> tuple[list[float], float]:
    """Return (losses so far, seconds so far)."""
    found = states.last()
    if found is None:
        return [], 0.0
    trainer.restore(found)
    _log.info("continues at step %d of %d", trainer.step, trainer.how.steps)
    return found["losses"].tolist(), float(found["seconds"])


def _advance(
    settings: Mapping[str, Any], trainer: Trainer, data: _Data, states: States, folder: Path,
    losses: list[float], before: float, every: float, sheets: float,
) -> float:  # fmt: skip
    """Trains to the end, saving the state now and then and when it is asked to end; the seconds that it took."""
    import torch
    from tqdm import tqdm

    began = saved = shown = time.perf_counter()

    def save() -> None:
        spent = torch.tensor(before + time.perf_counter() - began, dtype=torch.float64)
        states.save(trainer.state() | {"losses": torch.tensor(losses, dtype=torch.float64), "seconds": spent})
        _write_log(folder / "log.csv", trainer, losses)

    bar = tqdm(desc=settings["prior"], total=trainer.how.steps, initial=trainer.step, unit="step", disable=None)
    with bar, between_items() as pause:
        while trainer.step < trainer.how.steps:
            losses.append(trainer.advance())
            bar.update()
            if trainer.step % _AVERAGED == 0:
                mean, spent = sum(losses[-_AVERAGED:]) / _AVERAGED, before + time.perf_counter() - began
                _log.info("step %d of %d, loss %.4f, %.0f s", trainer.step, trainer.how.steps, mean, spent)
            if not losses[-1] < float("inf"):
                raise PosterityError(f"training diverged at step {trainer.step}; use a smaller learning_rate")
            try:
                pause(f"step {trainer.step} of {trainer.how.steps}")
            except Again:
                save()
                raise
            now = time.perf_counter()
            if now - saved > every:
                saved = now
                save()
            if now - shown > sheets:
                shown = now
                _sheet(trainer, data.kind, folder / "samples.png")
    return time.perf_counter() - began


def _write_log(path: Path, trainer: Trainer, losses: Sequence[float]) -> None:
    lines = ["step,loss,learning_rate"]
    for end in range(_AVERAGED, len(losses) + 1, _AVERAGED):
        mean = sum(losses[end - _AVERAGED : end]) / _AVERAGED
        lines.append(f"{end},{mean:.6f},{trainer.how.rate(end - 1):.3e}")
    store.write_bytes(path, ("\n".join(lines) + "\n").encode())


def _sheet(trainer: Trainer, kind: Kind, path: Path) -> Tensor:
    from posterity.stages import _sheets

    count, columns, zoom = _SHEET[kind.name == "image"]
    prior = trainer.prior()
    prior.bounds = kind.bounds
    samples = _sheets.draw(prior, count, 50, trainer.how.seed)
    store.write_bytes(path, _sheets.grid(kind, samples, columns, zoom))
    return samples


def _finish(
    settings: Mapping[str, Any], trainer: Trainer, data: _Data, output: Path,
    losses: Sequence[float], seconds: float, digest: str,
) -> None:  # fmt: skip
    import platform

    import torch
    from safetensors.torch import save

    from posterity.stages import _sheets

    folder, how = output.parent, trainer.how
    samples = _sheet(trainer, data.kind, folder / "samples.png")
    near = _sheets.nearest(samples, data.seen, how.flip)
    pairs = torch.stack([samples, near], 1).flatten(0, 1)
    _, columns, zoom = _SHEET[data.kind.name == "image"]
    store.write_bytes(folder / "nearest.png", _sheets.grid(data.kind, pairs, 2 * columns, zoom))
    _write_log(folder / "log.csv", trainer, losses)
    base = trainer.base.state() if trainer.base else {}
    weights = save({name: p.half().cpu().contiguous() for name, p in trainer.average.items()} | base)
    last = losses[-min(len(losses), 500) :]
    device = torch.cuda.get_device_name() if trainer.device.type == "cuda" else platform.processor() or "CPU"
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
        "hardware": f"{device}, {torch.get_num_threads()} threads" if trainer.device.type == "cpu" else device,
        "losses": {
            "training, mean of the last steps": round(sum(last) / len(last), 6),
            "held-out items": round(trainer.held_out(data.unseen), 6) if len(data.unseen) else None,
        }
        | ({_ALONE: round(trainer.held_out(data.unseen, alone=True), 6)} if how.residual and len(data.unseen) else {}),
        "samples": f"samples.png: {len(samples)} unconditional samples, DDIM with 50 steps; nearest.png: each beside "
        f"the training {data.kind.noun} that is nearest to it",
        "digest": digest,
    }
    parent_process.waits_for(output)
    store.write_bytes(output, weights)
    # last, because it tells that all is there
    store.write_bytes(folder / "card.json", (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
