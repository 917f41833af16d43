"""The contract of a prior family: from settings, and a dataset or a file, to a prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.base import Prior

__all__ = ["Family", "Known"]


@dataclass(frozen=True)
class Known:
    """Inputs for building a prior.

    Arguments:
        images: signals (K, *signal); the modes of a prior are row numbers of it, for every split.
        labels: the rows of items.parquet, in the order of ``images``.
        regions: masks (H, W) by name.
        shape: (*signal), the shape of the signals to restore.
        weights: a file of weights.
        autoencoder: a file, of an autoencoder that is a network.
        device: where a network computes; closed forms compute on the CPU.
        name: name of the prior in errors.
    """

    images: Tensor
    labels: Sequence[Mapping[str, Any]]
    regions: Mapping[str, Tensor]
    shape: tuple[int, ...]
    weights: Path | None = None
    autoencoder: Path | None = None
    device: torch.device | str = "cpu"
    name: str = "prior"


@dataclass(frozen=True)
class Family(ABC):
    """Priors of one kind: a frozen dataclass of the settings other than ``kind``.

    ``has`` lists what it offers samplers: "denoiser", "conditional", "restorer". ``closed_form`` is what an operator
    must have for a known posterior, None if it is never known. ``made_of`` is "dataset", or "file" for weights in a
    file. ``about`` describes the prior in the docs.
    """

    has: ClassVar[frozenset[str]] = frozenset({"denoiser"})
    closed_form: ClassVar[frozenset[str] | None] = None
    made_of: ClassVar[Literal["dataset", "file"]] = "dataset"
    about: ClassVar[str] = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read settings; ``name`` and ``kind`` are ignored.

        Raises:
            PosterityError: if a setting is unknown or missing.
        """
        own = {one.name: one for one in fields(cls)}
        kind = cls.__module__.rpartition(".")[2]
        unknown = set(settings) - set(own) - {"name", "kind"}
        if unknown:
            raise PosterityError(f"prior setting {_list(unknown)} is none of {_list(own)} of a {kind} prior")
        missing = [name for name, one in own.items() if one.default is MISSING and name not in settings]
        if missing:
            raise PosterityError(f"prior setting {_list(missing)} of a {kind} prior is missing")
        return cls(**{name: settings[name] for name in own if name in settings})

    @abstractmethod
    def build(self, known: Known) -> Prior:
        """Build the prior.

        Raises:
            PosterityError: if settings are invalid, in themselves or for these signals.
        """


def _list(names: Any) -> str:
    return ", ".join(sorted(map(repr, names)))
