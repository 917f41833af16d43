"""Shared by the training stages: the signals to train on, and a loop that resumes where it was stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from posterity import json_reader
from posterity.artifacts import signals, store
from posterity.errors import Again, PosterityError
from posterity.jobs.interruption import between_items

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posterity.jobs.checkpoints import States

__all__ = ["Data", "Learns", "advance", "finished", "hardware", "resume", "settled", "write_card", "write_log"]

_log = logging.getLogger(__name__)
_AVERAGED = 50


class Learns(Protocol):
    """Something that is trained step by step."""

    step: int
    how: Any

    def advance(self) -> float:
        """Take a step; return its loss."""

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore a state that :meth:`state` returned."""


class Data:
    """Training signals (N, *signal) of one kind with their weights, the held-out signals, and their kind."""

    def __init__(self, settings: Mapping[str, Any], inputs: Sequence[Path]) -> None:
        import torch

        found = {}
        for path in inputs:
            rows = store.read(path, "items").to_pylist()
            found[str(rows[0]["dataset"]) if rows else ""] = rows
        if set(found) != set(settings["datasets"]):
            wanted = ", ".join(settings["datasets"])
            raise PosterityError(f"the inputs are items of {', '.join(found)}, the settings train on {wanted}")
        every: dict[str, tuple[list[Tensor], list[str]]] = {}
        seen, unseen, weights, self.about = [], [], [], []
        for name, weight in settings["datasets"].items():
            content = hashlib.sha256()
            self.kind = signals.kind_of(found[name][0]["signal"])
            pictures, kept = [], []
            for row in found[name]:
                content.update(row["item"].encode() + _bytes(row["signal"]))
                pictures.append(signals.decode(row["signal"], f"item {row['item']} of {name}"))
                kept.append(settings["split"] in ("all", row["split"]))
            every[name] = pictures, [row["split"] for row in found[name]]
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
        self._split = settings["split"]
        self._rows = {name: (torch.stack(images), splits) for name, (images, splits) in every.items()}

    def of(self, dataset: str, split: str) -> Tensor:
        """Return the signals of one data set and split ("all": every split) in the order of its items, (N, *signal)."""
        images, splits = self._rows[dataset]
        return images[[split in ("all", own) for own in splits]]

    def unseen_of(self, dataset: str) -> Tensor:
        """Return the held-out signals of one data set, (N, *signal)."""
        images, splits = self._rows[dataset]
        return images[[self._split not in ("all", own) for own in splits]]


def _bytes(signal: Mapping[str, Any]) -> bytes:
    """Return the part of a signal that its digest covers."""
    import numpy as np

    content = signal["bytes"]
    return bytes(content) if content is not None else np.asarray(signal["values"], dtype="<f4").tobytes()


def finished(output: Path, digest: str) -> bool:
    """Return True if the weights exist and their card has this digest."""
    try:
        return output.is_file() and json_reader.read(output.with_name("card.json")).get("digest") == digest
    except (PosterityError, AttributeError):
        return False


def settled(cls: type[Any], given: Mapping[str, Any]) -> Any:
    """Return the settings of a training.

    Raises:
        PosterityError: naming the invalid setting.
    """
    from pydantic import ValidationError

    try:
        return cls(**given)
    except ValidationError as error:
        first = error.errors()[0]
        which = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
        raise PosterityError(f"training setting {which}{first['msg'].removeprefix('Value error, ')}") from error


def resume(trainer: Learns, states: States) -> tuple[list[float], float]:
    """Return (losses so far, seconds so far)."""
    found = states.last()
    if found is None:
        return [], 0.0
    trainer.restore(found)
    _log.info("continues at step %d of %d", trainer.step, trainer.how.steps)
    return found["losses"].tolist(), float(found["seconds"])


def advance(
    name: str, trainer: Learns, states: States, folder: Path, losses: list[float], before: float, every: float,
    show: Callable[[], object] | None = None, shown_every: float = 900.0,
) -> float:  # fmt: skip
    """Train to the end and return the total seconds; save the state regularly, and when asked to stop.

    Arguments:
        name: for the progress bar.
        losses: losses of the steps so far; new ones are appended.
        before: seconds spent by earlier processes.
        every: seconds between two saved states.
        show: called every ``shown_every`` seconds.

    Raises:
        Again: when asked to stop.
        PosterityError: if the loss is no longer finite.
    """
    import torch
    from tqdm import tqdm

    began = saved = shown = time.perf_counter()

    def save() -> None:
        spent = torch.tensor(before + time.perf_counter() - began, dtype=torch.float64)
        states.save(trainer.state() | {"losses": torch.tensor(losses, dtype=torch.float64), "seconds": spent})
        write_log(folder / "log.csv", trainer, losses)

    bar = tqdm(desc=name, total=trainer.how.steps, initial=trainer.step, unit="step", disable=None)
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
            if show is not None and now - shown > shown_every:
                shown = now
                show()
    return time.perf_counter() - began


def write_log(path: Path, trainer: Learns, losses: Sequence[float]) -> None:
    """Write the loss (means over groups of steps) and the learning rate as CSV."""
    from posterity.priors.descent import warm_cosine

    lines = ["step,loss,learning_rate"]
    for end in range(_AVERAGED, len(losses) + 1, _AVERAGED):
        mean = sum(losses[end - _AVERAGED : end]) / _AVERAGED
        lines.append(f"{end},{mean:.6f},{warm_cosine(trainer.how, end - 1):.3e}")
    store.write_bytes(path, ("\n".join(lines) + "\n").encode())


def hardware(device: torch.device) -> str:
    """Return a description of the hardware that trained."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.processor() or 'CPU'}, {torch.get_num_threads()} threads"


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write a card; it is written last, because its presence means that everything else is complete."""
    store.write_bytes(path, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
