"""Conversion of a published checkpoint, shared by the stages that convert priors and autoencoders."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import json_reader
from posterity.artifacts import store
from posterity.artifacts.digest import sha256
from posterity.errors import PosterityError
from posterity.stages._settings import Convert, ConvertAutoencoder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["convert"]

_log = logging.getLogger(__name__)

Make = Callable[[str, Mapping[str, Any], Path], tuple[dict[str, "Tensor"], dict[str, Any]]]
"""(family, settings, file) → (weights, card)."""


def convert(how: Convert | ConvertAutoencoder, noun: str, make: Make, source: Path, output: Path) -> None:
    """Write safetensors in single precision and card.json beside them.

    An existing conversion of the same file with the same settings is kept.

    Arguments:
        how: settings of the stage.
        noun: "prior" or "autoencoder", the setting that has the name.
        make: the conversion itself.
        source: the file as it was published; for family "hub", config.json is read beside it.
        output: weights.safetensors.
    """
    name = str(getattr(how, noun))
    if not source.is_file():
        raise PosterityError(f"{source} does not exist; {how.about or 'it is a published checkpoint'}")
    found = sha256(source)
    if how.sha256 not in (None, found):
        raise PosterityError(f"{source} has SHA-256 {found[:12]}…, expected {str(how.sha256)[:12]}…; get it again")
    made = {"file": source.name, "sha256": found, "family": how.family, "settings": how.settings}
    card = output.with_name("card.json")
    if output.is_file() and _source(card) == made:
        _log.info("%s: converted already, %s is left as it is", name, output)
        return
    given = dict(how.settings)
    if how.family == "hub":
        given["config"] = _config(source.with_name("config.json"))

    from safetensors.torch import save

    state, about = make(how.family, given, source)
    weights = save(state)
    about |= {
        noun: name,
        "about": how.about,
        "source": made,
        "parameters": sum(value.numel() for value in state.values()),
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights), "precision": "float32"},
    }
    store.write_bytes(output, weights)
    # written last: its presence means that the conversion is complete
    store.write_bytes(card, (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode())


def _source(card: Path) -> Any:
    try:
        return json_reader.read(card).get("source")
    except (PosterityError, AttributeError):
        return None


def _config(path: Path) -> Any:
    try:
        return json_reader.read(path)
    except json_reader.Unreadable as error:
        raise PosterityError(f"{path}, which must lie beside a checkpoint of the hub, {error.reason}") from error
