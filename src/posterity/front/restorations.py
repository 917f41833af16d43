"""The result of a restoration: samples with their cost, subsets, mean, uncertainty and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from posterity.artifacts import signals
from posterity.errors import PosterityError
from posterity.front.measuring import Measurement
from posterity.samplers.base import Cost

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Restorations"]


@dataclass(frozen=True, repr=False)
class Restorations:
    """Samples of one measurement.

    Arguments:
        samples: (N, *signal), an image in [-1, 1] up to overshoot.
        cost: cost of the whole pool.
        measurement: the measurement that was restored.
        about: prior, sampler with all settings, task, seed, ….
        numbers: the samples' numbers in the pool that they were chosen from; empty for the pool itself.
    """

    samples: Tensor
    cost: Cost
    measurement: Measurement
    about: Mapping[str, Any]
    numbers: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        shape, by = "×".join(map(str, self.samples.shape[1:])), self.about["sampler"]["name"]
        return f"Restorations({len(self)} of {shape} by {by}, {self.cost.forwards} evaluations each)"

    @property
    def shown(self) -> Tensor:
        """Return the samples as shown, (N, *signal): images clamped and rounded to eight bits."""
        return signals.stack([signals.encode(x, self.measurement.kind) for x in self.samples])

    def subset(self, rule: str = "fps", count: int = 5) -> Restorations:
        """Return the samples that a subset rule chooses, in the order of choice.

        Arguments:
            rule: "fps" (farthest points), "kmeans", "uniformization" or "random".
            count: number of samples.
        """
        from posterity.stages import select

        about = {"seed": self.about["seed"], "item": self.measurement.item}
        which = select.of_pool(rule, self.shown, self.measurement.keep, count, **about)
        numbers = [self.numbers[i] if self.numbers else i for i in which]
        return replace(self, samples=self.samples[which], numbers=numbers, about={**self.about, "subset": rule})

    def mean(self) -> Tensor:
        """Return the mean of the samples, (*signal)."""
        return self.samples.mean(0)

    def uncertainty(self) -> Tensor:
        """Return the standard deviation of the samples at each place, RMS over colour channels.

        Its shape is (H, W) for images and (leads, time) for ECGs.

        Raises:
            PosterityError: for a single sample.
        """
        if len(self) < 2:
            raise PosterityError("a single sample has no uncertainty; draw at least two")
        variance = self.samples.var(0)
        return (variance.mean(0) if variance.ndim == 3 else variance).sqrt()

    def show(self) -> Image.Image:
        """Return one labelled picture of the measurement, the samples, their mean and their uncertainty."""
        from posterity.front import sheets

        return sheets.sheet(self)

    def save(self, folder: str | Path) -> Path:
        """Write pictures, a contact sheet and a page into a folder, atomically.

        A folder written by an earlier call is replaced; any other existing folder is refused.

        Returns:
            The path of the page.

        Raises:
            PosterityError: if the folder cannot be written.
        """
        from posterity.front import checked, saving

        if not isinstance(folder, str | Path):
            raise PosterityError(f"folder is {folder!r:.60}, expected a path")
        return saving.save(self, self, checked.path(folder))

    def _repr_html_(self) -> str:
        from posterity.front import sheets

        picture = sheets.uri(sheets.png(self.show()))
        return f'<img src="{picture}" alt="{self!r}" style="max-width: 100%"><br>{self!r}'
