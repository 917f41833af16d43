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
from posterity.imports import NETWORKS, lean
from posterity.jobs import parent_process
from posterity.jobs.checkpoints import States
from posterity.jobs.interruption import between_items

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.priors.training import Trainer, Training

__all__ = ["run"]

_log = logging.getLogger(__name__)
_VERSION = 1
"""Raise it when a step of training gives another result: started and finished trainings then start again."""
_SHEET = {"count": 64, "columns": 8, "zoom": 2}
_AVERAGED = 50


def run(
    settings: dict[str, Any], *, inputs: Sequence[Path], output: Path, every: float = 60.0, sheets: float = 900.0
) -> None:
    """Writes safetensors in half precision and, beside them, card.json, samples.png, nearest.png and log.csv.

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
    digest = hashlib.sha256(json.dumps([_VERSION, asdict(how), data.about], sort_keys=True).encode()).hexdigest()
    card = output.parent / "card.json"
    if _finished(output, card, digest):
        _log.info("%s: trained already, %s is left as it is", settings["prior"], output)
        return
    trainer = _trainer(how, data)
    parts = output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _resume(trainer, states)
    seconds += _advance(settings, trainer, states, output.parent, losses, seconds, every, sheets)
    _finish(settings, trainer, data, output, losses, seconds, digest)
    shutil.rmtree(parts, ignore_errors=True)


class _Data:
    """Images (N, C, H, W) to train on with their weights, those held out, and what they are."""

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
            raise PosterityError(f"the datasets have images of different shapes: {', '.join(map(str, sorted(shapes)))}")
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


def _trainer(how: Training, data: _Data) -> Trainer:
    """A fresh one, on the GPU where there is one."""
    import torch

    with lean((), NETWORKS):
        from diffusers.models.unets.unet_2d import UNet2DModel

    from posterity.jobs import devices
    from posterity.priors.training import Trainer

    channels, size, width = data.seen.shape[1:]
    if size != width or size % (1 << len(how.channels) - 1):
        raise PosterityError(f"images of {size}x{width} cannot be halved {len(how.channels) - 1} times")
    with torch.random.fork_rng():
        torch.manual_seed(how.seed)
        network = UNet2DModel(**how.architecture(channels, size))
    # channels last: a step of the shipped 64x64 network takes .6 of the time on a CPU
    network = network.to(devices.best(), memory_format=torch.channels_last)
    return Trainer(network, data.seen, data.weights, how)


def _resume(trainer: Trainer, states: States) -> tuple[list[float], float]:
    """(losses so far, seconds so far)."""
    found = states.last()
    if found is None:
        return [], 0.0
    trainer.restore(found)
    _log.info("continues at step %d of %d", trainer.step, trainer.how.steps)
    return found["losses"].tolist(), float(found["seconds"])


def _advance(
    settings: Mapping[str, Any], trainer: Trainer, states: States, folder: Path,
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
                _sheet(trainer, folder / "samples.png")
    return time.perf_counter() - began


def _write_log(path: Path, trainer: Trainer, losses: Sequence[float]) -> None:
    lines = ["step,loss,learning_rate"]
    for end in range(_AVERAGED, len(losses) + 1, _AVERAGED):
        mean = sum(losses[end - _AVERAGED : end]) / _AVERAGED
        lines.append(f"{end},{mean:.6f},{trainer.how.rate(end - 1):.3e}")
    store.write_bytes(path, ("\n".join(lines) + "\n").encode())


def _sheet(trainer: Trainer, path: Path) -> Tensor:
    from posterity.stages import _sheets

    samples = _sheets.draw(trainer.prior(), _SHEET["count"], 50, trainer.how.seed)
    store.write_bytes(path, _sheets.grid(samples, _SHEET["columns"], _SHEET["zoom"]))
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
    samples = _sheet(trainer, folder / "samples.png")
    near = _sheets.nearest(samples, data.seen, how.flip)
    pairs = torch.stack([samples, near], 1).flatten(0, 1)
    store.write_bytes(folder / "nearest.png", _sheets.grid(pairs, 2 * _SHEET["columns"], _SHEET["zoom"]))
    _write_log(folder / "log.csv", trainer, losses)
    weights = save({name: p.half().cpu().contiguous() for name, p in trainer.average.items()})
    last = losses[-min(len(losses), 500) :]
    device = torch.cuda.get_device_name() if trainer.device.type == "cuda" else platform.processor() or "CPU"
    card = {
        "prior": settings["prior"],
        "about": settings.get("about", ""),
        "license": settings.get("license", ""),
        "architecture": how.architecture(*data.seen.shape[1:3]),
        "parameters": sum(p.numel() for p in trainer.average.values()),
        "signal_shape": list(data.seen.shape[1:]),
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
        },
        "samples": "samples.png: 64 unconditional samples, DDIM with 50 steps; nearest.png: each beside the "
        "training image that is nearest to it",
        "digest": digest,
    }
    parent_process.waits_for(output)
    store.write_bytes(output, weights)
    # last, because it tells that all is there
    store.write_bytes(folder / "card.json", (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
