"""The contract of a family: from a prior's settings, and a dataset or a file, to the prior."""

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
    """What a prior can be made of.

    Arguments:
        images: signals (K, *signal); the modes of a prior are row numbers of it, for every split.
        labels: the rows of items.parquet, in the order of ``images``.
        regions: masks (H, W) by name.
        shape: (*signal) of the signals that the prior must speak of.
        weights: a file.
        autoencoder: a file, of an autoencoder that is a network.
        device: where a network computes; closed forms compute on the CPU.
        name: of the prior, for errors.
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
    """Priors of one kind: a frozen dataclass of the settings that a prior has beside ``kind``.

    ``has`` says what it has for samplers: "denoiser", "restorer". ``closed_form`` says what an operator must have so
    that the posterior is known for it, None where it never is. ``made_of`` is "dataset" or, where the weights lie in a
    file, "file". ``about`` says in the docs what the prior is.
    """

    has: ClassVar[frozenset[str]] = frozenset({"denoiser"})
    closed_form: ClassVar[frozenset[str] | None] = None
    made_of: ClassVar[Literal["dataset", "file"]] = "dataset"
    about: ClassVar[str] = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read settings, whose ``name`` and ``kind`` are left alone.

        Raises:
            PosterityError: for a setting that the family does not have, or one that is missing.
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
        """Return the prior.

        Raises:
            PosterityError: for settings that are impossible, or impossible for these signals.
        """


def _list(names: Any) -> str:
    return ", ".join(sorted(map(repr, names)))
