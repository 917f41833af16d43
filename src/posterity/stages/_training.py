"""Shared by the training stages: a loop that resumes where it was stopped, and the card that it ends with."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from posterity import json_reader
from posterity.artifacts import store
from posterity.errors import Again, PosterityError
from posterity.jobs import parent_process
from posterity.jobs.checkpoints import States
from posterity.jobs.interruption import between_items

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posterity.stages._settings import Training
    from posterity.stages._training_data import Data

__all__ = ["Learns", "Trained", "settled", "train", "write"]

_log = logging.getLogger(__name__)
_AVERAGED = 50


class Learns(Protocol):
    """Something that is trained step by step."""

    step: int
    how: Any
    device: torch.device

    def advance(self) -> float:
        """Take a step; return its loss."""

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore a state that :meth:`state` returned."""


L = TypeVar("L", bound=Learns)


def _finished(output: Path, digest: str) -> bool:
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


@dataclass(frozen=True)
class Trained:
    """A training that is done, as its card describes it.

    Arguments:
        asked: settings of the stage.
        data: that was trained on.
        digest: of everything that the weights depend on.
        losses: of every step.
        seconds: of all processes that trained.
    """

    asked: Training
    data: Data
    digest: str
    losses: Sequence[float]
    seconds: float

    @property
    def loss(self) -> float:
        """Return the mean loss of the last steps, 500 at most."""
        last = self.losses[-min(len(self.losses), 500) :]
        return round(sum(last) / len(last), 6)

    def card(self, trainer: Learns, weights: bytes) -> dict[str, Any]:
        """Return the entries that the cards of all trainings have; ``weights`` is the file's content."""
        return {
            "about": self.asked.about,
            "license": self.asked.license or "",
            "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights), "precision": "float16"},
            "data": self.data.about,
            "training": asdict(trainer.how),
            "steps": trainer.step,
            "seconds": round(self.seconds, 1),
            "hardware": _hardware(trainer.device),
            "digest": self.digest,
        }


def train(
    name: str, asked: Training, data: Data, depends: Sequence[Any], output: Path, make: Callable[[], L],
    finish: Callable[[L, Trained], None], every: float,
    show: Callable[[L], object] | None = None, shown_every: float = 900.0,
) -> None:  # fmt: skip
    """Train from the last saved state to the end and write the result, unless it is there already.

    Arguments:
        name: of what is trained.
        asked: settings of the stage.
        data: to train on.
        depends: everything that the weights depend on, as JSON.
        output: weights.safetensors; states are kept in a hidden folder beside it until it is complete.
        make: returns the trainer at its first step.
        finish: writes the weights, and the card last.
        every: seconds between two saved states.
        show: called with the trainer every ``shown_every`` seconds.
    """
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    if _finished(output, digest):
        _log.info("%s: trained already, %s is left as it is", name, output)
        return
    trainer, parts = make(), output.parent / f".{output.stem}.parts"
    states = States(parts / digest[:16])
    losses, seconds = _resume(trainer, states)
    sheet = (lambda: show(trainer)) if show else None
    seconds += _advance(name, trainer, states, output.parent, losses, seconds, every, sheet, shown_every)
    finish(trainer, Trained(asked, data, digest, losses, seconds))
    shutil.rmtree(parts, ignore_errors=True)


def _resume(trainer: Learns, states: States) -> tuple[list[float], float]:
    """Return (losses so far, seconds so far)."""
    found = states.last()
    if found is None:
        return [], 0.0
    trainer.restore(found)
    _log.info("continues at step %d of %d", trainer.step, trainer.how.steps)
    return found["losses"].tolist(), float(found["seconds"])


def _advance(
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
        _write_log(folder / "log.csv", trainer, losses)

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


def _write_log(path: Path, trainer: Learns, losses: Sequence[float]) -> None:
    """Write the loss (means over groups of steps) and the learning rate as CSV."""
    from posterity.priors.descent import warm_cosine

    lines = ["step,loss,learning_rate"]
    for end in range(_AVERAGED, len(losses) + 1, _AVERAGED):
        mean = sum(losses[end - _AVERAGED : end]) / _AVERAGED
        lines.append(f"{end},{mean:.6f},{warm_cosine(trainer.how, end - 1):.3e}")
    store.write_bytes(path, ("\n".join(lines) + "\n").encode())


def _hardware(device: torch.device) -> str:
    """Return a description of the hardware that trained."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.processor() or 'CPU'}, {torch.get_num_threads()} threads"


def write(
    output: Path, trainer: Learns, trained: Trained, weights: bytes, card: Mapping[str, Any],
    examine: Callable[[], Mapping[str, Any]] | None = None,
) -> None:  # fmt: skip
    """Write log.csv, the weights, and card.json last, because its presence means that all else is complete.

    Arguments:
        output: weights.safetensors; the others lie beside it.
        trainer: at its last step.
        trained: the training.
        weights: content of the file.
        card: what it says.
        examine: returns what the card says of unseen signals; it can load the weights with their card.
    """
    parent_process.waits_for(output)
    _write_log(output.with_name("log.csv"), trainer, trained.losses)
    store.write_bytes(output, weights)
    path = output.with_name("card.json")
    if examine is None:
        _write_card(path, card)
        return
    _write_card(path, {**card, "unseen": {}})
    _write_card(path, {**card, "unseen": examine()})


def _write_card(path: Path, card: Mapping[str, Any]) -> None:
    store.write_bytes(path, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
