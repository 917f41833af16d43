"""A sampler's problem: measurements, operator and prior, with start, guidance, progress and cost."""

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
"""(time, x_t of shape (B, *state)) of a late start."""


class Guidance(Protocol):
    """Push the clean predictions of one item's samples apart; see :mod:`posterity.wrappers.diversity`."""

    def __call__(self, x0: Tensor, items: Tensor, unknowns: Tensor, fraction: float) -> Tensor:
        """Return guided clean predictions, (B, *state).

        Arguments:
            x0: clean predictions, (B, *state).
            items: long (B,), equal for samples of one item.
            unknowns: S, the number of unknown scalars of a signal, shape (), (1,) or (B,).
            fraction: t/T in [0, 1].
        """


class Timed(Protocol):
    """A sampler that knows the levels of its walk."""

    def times(self, schedule: Schedule) -> list[Level]:
        """Return the levels of the walk, noisiest first."""


@dataclass
class Problem:
    """A batch of measurements to invert; its rows may belong to different items.

    Samplers work on states. For a latent prior, :meth:`of_states` composes the operator with the decoder.

    Arguments:
        prior: the denoiser.
        operator: A, batched over the rows of y.
        y: measurements, (B, *measurement).
        sigma_y: noise level in the units of x (range [-1, 1]), ≥ 0.
        items: long (B,); rows with the same number are samples of one item, which guidance and fits use.
        cost: network calls so far.
        start: (time, x_t) of a late start.
        guidance: moves clean predictions where the method's source says; set by a wrapper.
        watch: called after every step.
        severities: severity estimates by name, for the wrapper that chooses each row's start.
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
        """The shape of one state, without the batch."""
        return self.prior.state_shape

    @property
    def schedule(self) -> Schedule:
        """The prior's noise schedule."""
        return self.prior.schedule

    def of_states(self) -> Problem:
        """Return the problem on states: this one, or for a latent prior the one with the operator A∘D."""
        if not self.prior.latent:
            return self
        return replace(self, operator=Composed(self.operator, self.decode, self.prior.state_shape))

    @property
    def signal_operator(self) -> Operator:
        """A, which acts on signals; for a latent prior, ``operator`` is A∘D."""
        return self.operator.operator if isinstance(self.operator, Composed) else self.operator

    def rows(self, index: Tensor) -> Problem:
        """Return the problem of rows ``index`` (long (n,), may repeat); its cost is added to this problem's."""
        start = None if self.start is None else (self.start[0], self.start[1][index])
        parts = self.prior.rows(index), self.operator.rows(index), self.y[index], self.sigma_y, self.items[index]
        severities = {name: severity.rows(index) for name, severity in self.severities.items()}
        return Problem(*parts, self.cost, start, self.guidance, severities=severities)

    # The walk: start, steps, progress.

    def begin(self, noise: Noise, first: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return the first state, (B, *state): the late start, or x_T.

        Arguments:
            noise: draws of the rows.
            first: maps a standard normal draw to x_T; if None, x_T is the draw.
        """
        if self.start is not None:
            return self.start[1]
        z = noise.normal("init", 0, self.shape)
        return z if first is None else first(z)

    def steps(self, sampler: Timed) -> Iterator[tuple[int, tuple[Level, Level]]]:
        """Yield (step number, (current level, next level)), and report progress after each step.

        A late start begins the sampler's walk at its first level that is not noisier. Steps to a noisier level are
        not reported.
        """
        start = None if self.start is None else self.start[0]
        pairs = pairwise(sampler.times(self.schedule))
        walk = [*pairs] if start is None else [*dropwhile(lambda pair: pair[0].t > start, pairs)]
        for step, (t, s) in enumerate(walk):
            yield step, (t, s)
            if s.noise <= t.noise:
                self._report(step, len(walk))

    def visits(self, levels: Sequence[Level]) -> Iterator[tuple[int, Level]]:
        """Yield (step number, level) for an optimiser, whose levels are no walk; report progress after each."""
        for step, level in enumerate(levels):
            yield step, level
            self._report(step, len(levels))

    def _report(self, step: int, count: int) -> None:
        shown = self._predicted if self._chosen is None else self._chosen
        if self.watch is not None and shown is not None:
            self.watch(step, count, shown)
        self._predicted = self._chosen = None

    # The parts of a step.

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return the prior's prediction at x_t, (B, *state). Evaluations are made and counted only here."""
        found = self.prior.predict(x_t, level)
        self.cost.forward_rows += found.evaluations * len(x_t)
        if found.x0.requires_grad:
            found.x0.register_hook(partial(_count_backward, self.cost, found.evaluations))
        if self.watch is not None:
            self._predicted = found.x0.detach()
        return found

    def clip(self, x0: Tensor, wanted: bool = True) -> Tensor:
        """Return x0 (B, *state) clipped to the prior's bounds; unchanged without bounds or if not ``wanted``.

        Equals ``clamp``, but its gradient takes one pass over memory instead of four.
        """
        if self.prior.bounds is not None and wanted:
            x0 = hardtanh(x0, *self.prior.bounds)
        return self.shown(x0)

    def guided(self, x0: Tensor, level: Level) -> Tensor:
        """Return x0 (B, *state) after diversity guidance; x0 itself without guidance or at weight 0."""
        if self.guidance is not None and level.fraction > 0:
            x0 = self.guidance(x0, self.items, self.operator.unknowns, level.fraction)
        return self.shown(x0)

    def shown(self, x0: Tensor) -> Tensor:
        """Return x0 (B, *state), and keep it for ``watch`` if there is one (keeping it otherwise wastes memory)."""
        if self.watch is not None:
            self._chosen = x0.detach()
        return x0

    def residual(self, x0: Tensor) -> Tensor:
        """Return y - A(x0), 0 at unmeasured entries; (B, *state) → (B, *measurement)."""
        return self._measured - self.operator(x0)

    def residual_of(self, x: Tensor) -> Tensor:
        """Return the residual of decoded signals, (B, *signal) → (B, *measurement)."""
        return self._measured - self.signal_operator(x)

    @cached_property
    def measured(self) -> Tensor:
        """The number of measured entries of each row's y, (B,)."""
        return self.operator.where_measured(self.y).expand_as(self.y).flatten(1).sum(1)

    @cached_property
    def _measured(self) -> Tensor:
        return self.operator.where_measured(self.y) * self.y

    def decode(self, z: Tensor) -> Tensor:
        """Decode states, (B, *state) → (B, *signal); counted for a latent prior."""
        if self.prior.latent:
            self.cost.decode_rows += len(z)
        return self.prior.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        """Encode signals, (B, *signal) → (B, *state); counted for a latent prior."""
        if self.prior.latent:
            self.cost.encode_rows += len(x)
        return self.prior.encode(x)


def _count_backward(cost: Cost, evaluations: int, gradient: Tensor) -> None:
    """Count a gradient. Holds no tensor: a closure over the prediction would keep its graph alive."""
    cost.backward_rows += evaluations * len(gradient)
