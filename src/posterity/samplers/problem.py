"""A sampler's problem: a batch of measurements, the prior, and everything that goes around its algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import dropwhile, pairwise
from typing import Protocol

from torch import Tensor
from torch.nn.functional import hardtanh

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.base import Operator
from posterity.operators.composed import Composed
from posterity.priors.base import Prediction, Prior
from posterity.samplers.cost import Cost
from posterity.samplers.severity import Severity

__all__ = ["Guidance", "Problem", "Start", "Timed", "Watch"]

Watch = Callable[[int, int, Tensor], None]
"""Called with (step, steps, clean prediction) after every step."""

Start = tuple[float, Tensor]
"""(time, x_t of shape (B, *state)): where a late start begins."""


class Guidance(Protocol):
    """Pushes the clean predictions of one item's samples apart; see :mod:`posterity.wrappers.diversity`."""

    def __call__(self, x0: Tensor, items: Tensor, unknowns: Tensor, fraction: float) -> Tensor:
        """(B, *state) → (B, *state); ``items`` (B,) groups rows, ``fraction`` is t/T in [0, 1]."""


class Timed(Protocol):
    """A sampler, to whom levels are known."""

    def times(self, schedule: Schedule) -> list[Level]:
        """Return the levels of its walk."""


@dataclass
class Problem:
    """A batch of measurements to invert; its rows may belong to different items.

    Samplers see states. For a latent prior, :meth:`of_states` puts the decoder into the operator.

    Arguments:
        prior: the denoiser.
        operator: A, batched over the same rows as y.
        y: measurements, (B, *measurement).
        sigma_y: noise level in the units of x (range [-1, 1]), ≥ 0.
        items: long (B,), rows with the same number are samples of one item (guidance looks at these).
        cost: what was done so far.
        start: (time, x_t) to begin late.
        guidance: moves clean predictions at the place that the method's source names; a wrapper gives it.
        watch: is told of every step.
        severities: by name, for the wrapper that chooses where a row begins.
    """

    prior: Prior
    operator: Operator
    y: Tensor
    sigma_y: float
    items: Tensor
    cost: Cost = field(default_factory=Cost)
    start: Start | None = None
    guidance: Guidance | None = None
    watch: Watch | None = None
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._predicted: Tensor | None = None
        self._chosen: Tensor | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.prior.state_shape

    @property
    def schedule(self) -> Schedule:
        """The prior's noise schedule."""
        return self.prior.schedule

    def of_states(self) -> Problem:
        """Return the same problem about states: itself, or for a latent prior the one with the operator A∘D."""
        if not self.prior.latent:
            return self
        return replace(self, operator=Composed(self.operator, self.decode, self.prior.state_shape))

    @property
    def signal_operator(self) -> Operator:
        """A itself, which takes signals; for a latent prior the operator of states is another."""
        return self.operator.operator if isinstance(self.operator, Composed) else self.operator

    def rows(self, index: Tensor) -> Problem:
        """Return the problem of the rows ``index`` (long, may repeat) alone; its cost is counted in this one's."""
        start = None if self.start is None else (self.start[0], self.start[1][index])
        parts = self.prior.rows(index), self.operator.rows(index), self.y[index], self.sigma_y, self.items[index]
        severities = {name: severity.rows(index) for name, severity in self.severities.items()}
        return Problem(*parts, self.cost, start, self.guidance, severities=severities)

    # Where a run goes.

    def begin(self, noise: Noise, first: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return the first state, (B, *state): that of a late start, or x_T.

        Arguments:
            noise: of the rows.
            first: makes x_T of a standard normal draw; without it, x_T is the draw.
        """
        if self.start is not None:
            return self.start[1]
        z = noise.normal("init", 0, self.shape)
        return z if first is None else first(z)

    def steps(self, sampler: Timed) -> Iterator[tuple[int, tuple[Level, Level]]]:
        """Yield the number of each step and its two levels (current, next), and report progress after each.

        The walk is the sampler's; after a late start it begins at the first level that is not noisier. A step
        to a noisier level is not reported.
        """
        start = None if self.start is None else self.start[0]
        pairs = pairwise(sampler.times(self.schedule))
        walk = [*pairs] if start is None else [*dropwhile(lambda pair: pair[0].t > start, pairs)]
        for step, (t, s) in enumerate(walk):
            yield step, (t, s)
            if s.noise <= t.noise:
                self._report(step, len(walk))

    def visits(self, levels: Sequence[Level]) -> Iterator[tuple[int, Level]]:
        """Yield levels that do not lead to one another, as an optimiser visits them, and report progress after each."""
        for step, level in enumerate(levels):
            yield step, level
            self._report(step, len(levels))

    def _report(self, step: int, count: int) -> None:
        shown = self._predicted if self._chosen is None else self._chosen
        if self.watch is not None and shown is not None:
            self.watch(step, count, shown)
        self._predicted = self._chosen = None

    # What a step asks.

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return what the prior says of x_t, (B, *state); the only place where evaluations are made and counted."""
        found = self.prior.predict(x_t, level)
        self.cost.forward_rows += found.evaluations * len(x_t)
        if found.x0.requires_grad:
            found.x0.register_hook(partial(_count_backward, self.cost, found.evaluations))
        if self.watch is not None:
            self._predicted = found.x0.detach()
        return found

    def clip(self, x0: Tensor, wanted: bool = True) -> Tensor:
        """Return x0 (B, *state) clipped to the prior's bounds, or as it is where there are none or it is not wanted.

        Like clamp, with a gradient of one pass over memory in place of four.
        """
        if self.prior.bounds is not None and wanted:
            x0 = hardtanh(x0, *self.prior.bounds)
        return self.shown(x0)

    def guided(self, x0: Tensor, level: Level) -> Tensor:
        """Return x0 (B, *state) after the diversity guidance, or x0 itself without one (or without weight)."""
        if self.guidance is not None and level.fraction > 0:
            x0 = self.guidance(x0, self.items, self.operator.unknowns, level.fraction)
        return self.shown(x0)

    def shown(self, x0: Tensor) -> Tensor:
        """Return x0 (B, *state), kept for whoever watches: a tensor that outlives its use costs memory, and so time."""
        if self.watch is not None:
            self._chosen = x0.detach()
        return x0

    def residual(self, x0: Tensor) -> Tensor:
        """Return y - A(x0) where there is a measurement and 0 elsewhere, (B, *state) → (B, *measurement)."""
        return self._measured - self.operator(x0)

    def residual_of(self, x: Tensor) -> Tensor:
        """Return the residual of signals, (B, *signal) → (B, *measurement): for who has decoded them already."""
        return self._measured - self.signal_operator(x)

    @cached_property
    def _measured(self) -> Tensor:
        return self.operator.where_measured(self.y) * self.y

    def decode(self, z: Tensor) -> Tensor:
        """Return the signals of states, (B, *state) → (B, *signal), counted for a latent prior."""
        if self.prior.latent:
            self.cost.decode_rows += len(z)
        return self.prior.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        """Return the states of signals, (B, *signal) → (B, *state), counted for a latent prior."""
        if self.prior.latent:
            self.cost.encode_rows += len(x)
        return self.prior.encode(x)


def _count_backward(cost: Cost, evaluations: int, gradient: Tensor) -> None:
    """Count a gradient; a function that holds no tensor, or each prediction would keep itself and its graph alive."""
    cost.backward_rows += evaluations * len(gradient)
