"""Loads networks saved by diffusers, from a folder, the hub's local cache or the hub, verified by their hash."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import torch

from posterity import json_reader
from posterity.errors import PosterityError
from posterity.priors import checkpoints, loading
from posterity.priors.base import Prior
from posterity.priors.checkpoints.hub import Hub

__all__ = ["fetched", "saved"]

_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
"""Names of weight files, in order of preference."""
_WANTED = ("config.json", "unet/config.json", "scheduler_config.json", "scheduler/scheduler_config.json")
_LINEAR = (1e-4, 0.02)
"""First and last β of the linear schedule."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def saved(folder: Path, device: torch.device | str = "cpu") -> Prior:
    """Return the network of a folder with config.json, scheduler_config.json and the weights.

    The first two may be in the subfolders unet/ and scheduler/, as in pipelines.

    Raises:
        PosterityError: if a file is missing, or describes an unsupported network.
    """
    unet = folder / "unet" if (folder / "unet" / "config.json").is_file() else folder
    if not (unet / "config.json").is_file():
        raise PosterityError(f"{folder} holds no network: neither weights.safetensors with its card.json, nor the "
                             "config.json of diffusers")  # fmt: skip
    config = _json(unet / "config.json")
    weights = next((unet / name for name in _FILES if (unet / name).is_file()), None)
    if weights is None:
        raise PosterityError(f"{unet} holds neither {' nor '.join(_FILES)}")
    places = [folder / "scheduler" / "scheduler_config.json", unet / "scheduler_config.json"]
    schedule, prediction = _schedule(next((path for path in places if path.is_file()), places[-1]))
    layout = Hub(config, schedule, prediction)
    card = layout.card()
    network = loading.build(card["architecture"], str(weights))
    loading.fill(network, layout.convert(checkpoints.read(weights), str(weights)), str(weights))
    made = loading.prior(network.to(device), card)
    made.about = f"{folder.name}, weights with SHA-256 {_digest(weights)[:16]}…"
    return made


def fetched(name: str, device: torch.device | str = "cpu") -> Prior:
    """Return a network of the hub, from its cache on this machine or else from the web.

    Raises:
        PosterityError: if it is not cached and cannot be fetched, or its hash is wrong.
    """
    folder = _cached(name)
    if folder is None:
        folder = _download(name)
        for path in folder.rglob("diffusion_pytorch_model.*"):
            blob = path.resolve().name  # the hub's cache names large files by their SHA-256
            if _SHA256.fullmatch(blob) and _digest(path) != blob:
                raise PosterityError(f"{path} does not have the SHA-256 given by the hub; delete it and try again")
    made = saved(folder, device)
    made.name = name
    made.about = f"{name} on the hub, revision {folder.name[:12]}, {made.about.partition(', ')[2]}"
    return made


def _cached(name: str) -> Path | None:
    """Return the folder of a network fetched earlier; None if it is not cached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    for file in _FILES:
        try:
            folder = Path(snapshot_download(name, allow_patterns=_patterns(file), local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            continue
        if any((folder / part / file).is_file() for part in ("", "unet")):
            return folder
    return None


def _patterns(weights: str) -> list[str]:
    return [*_WANTED, weights, f"unet/{weights}"]


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        for file in _FILES:
            folder = Path(snapshot_download(name, allow_patterns=_patterns(file)))
            if any((folder / part / file).is_file() for part in ("", "unet")):
                break
        return folder
    except HFValidationError as error:
        raise PosterityError(f"prior {name!r} is neither a local file or folder nor a name on the hub") from error
    except RepositoryNotFoundError as error:
        raise PosterityError(
            f"prior {name!r} is neither a local folder nor on the hub (or is private there); check its name"
        ) from error
    except Exception as error:  # each network layer raises its own kind of errors
        reason = (" ".join(str(error).split()) or type(error).__name__)[:120]
        raise PosterityError(
            f"prior {name!r} is not on this machine and the hub cannot be reached ({reason}); on a machine with "
            f"the web run `hf download {name} --local-dir FOLDER`, copy FOLDER here and give it instead of the name"
        ) from error


def _schedule(path: Path) -> tuple[str, str]:
    """Return the names of the schedule and of the predicted quantity, as in a card."""
    told = _json(path)
    steps, rule = told.get("num_train_timesteps", 1000), told.get("beta_schedule", "linear")
    ends = (told.get("beta_start", _LINEAR[0]), told.get("beta_end", _LINEAR[1]))
    kind = told.get("prediction_type", "epsilon")
    schedule = {"squaredcos_cap_v2": "cosine", "scaled_linear": "scaled_linear"}.get(rule, rule)
    known = {"linear": _LINEAR, "scaled_linear": (0.00085, 0.012), "cosine": ends}
    if steps != 1000 or known.get(schedule) != ends:
        said = f"beta_schedule {rule!r} from {ends[0]} to {ends[1]} in {steps} steps"
        raise PosterityError(
            f"{path}: {said} is not supported; valid is, for example, linear from 0.0001 to 0.02 in 1000 steps"
        )
    if kind not in ("epsilon", "v_prediction"):
        raise PosterityError(f"{path}: prediction_type {kind!r} is neither epsilon nor v_prediction")
    return schedule, {"v_prediction": "v"}.get(kind, kind)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json_reader.read(path)
    except json_reader.Unreadable as error:
        raise PosterityError(f"{path} {error.reason}") from error
    if not isinstance(found, dict):
        raise PosterityError(f"{path} holds no settings")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
