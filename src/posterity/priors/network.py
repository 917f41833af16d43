"""A trained network as a prior: the schedule in float64, the network in its own precision."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors._parametrisation import Parametrisation
from posterity.priors.base import Prediction, Prior
from posterity.priors.residual import Base

__all__ = ["PRECISIONS", "Network"]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The precisions of a network's products."""

_Scales = tuple[float, float, float, float]
"""(scale of the input, label, skip, out), see :mod:`posterity.priors._parametrisation`."""


class Network(Prior):
    """E[x0 | x_t] by a network that predicts noise, velocity or EDM's residual.

    The network is frozen: only x_t gets gradients, so a backward pass costs about as much as a forward pass.

    Arguments:
        network: called as ``network(x, label, return_dict=False)[0]`` like the models of `diffusers`, with
            labels (B,); a class-conditional network also takes ``class_labels``, long (B,).
        schedule: the schedule of the network's times; for ``edm`` any, since it is evaluated at any σ.
        signal_shape: (C, H, W).
        prediction: "epsilon", "v" or "edm", see :mod:`posterity.priors._parametrisation`.
        sigma_data: σ_data of an EDM network.
        learned_variance: whether the network's last C channels interpolate the reverse step's variance
            (Nichol and Dhariwal 2021, Eq. 15).
        label: the class, for a class-conditional network.
        label_factor: an EDM network's label is this times ln σ.
        precision: a key of ``PRECISIONS``, used only for the network's products: weights, output and everything
            after stay in float32 and float64.
        null_class: the unconditional class, for classifier-free guidance.
        base: the Gaussian whose residual an EDM network predicts, see :mod:`posterity.priors.residual`.
        compiled: compile the network with torch, once per kind of evaluation; worthwhile on a GPU.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        signal_shape: tuple[int, ...],
        prediction: str = "epsilon",
        sigma_data: float = 0.5,
        learned_variance: bool = False,
        label: int | None = None,
        label_factor: float = 250.0,
        precision: str = "float32",
        compiled: bool = False,
        null_class: int | None = None,
        base: Base | None = None,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        if compiled:
            self.network.compile()
        self.schedule, self.signal_shape = schedule, signal_shape
        self.learned_variance, self.null_class, self.base = learned_variance, null_class, base
        first = next(network.parameters())
        self.dtype, self.device = first.dtype, first.device
        self._settings = prediction, sigma_data, label_factor
        self._known: dict[Level, _Scales] = {}
        self._products = PRECISIONS[precision]
        self._classes: int | Tensor | None = label
        self._weight = 1.0

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Predict E[x0 | x_t], (B, *signal) → (B, *signal), in the precision of x_t."""
        if self._weight == 1 or self._classes is None:
            return Prediction(*self._ask(x_t, level, self._classes))
        with_class, share = self._ask(x_t, level, self._classes)
        without, _ = self._ask(x_t, level, self.null_class)
        return Prediction(without + self._weight * (with_class - without), share, evaluations=2)

    def given(self, labels: Tensor, weight: float = 1.0) -> Network:
        if self._classes is None:
            raise PosterityError("this network has no classes to be conditioned on")
        if weight != 1 and self.null_class is None:
            raise PosterityError(f"guidance weight {weight} needs a null class, which this network lacks; use 1")
        out = copy.copy(self)
        out._classes, out._weight = labels.to(self.device), weight
        return out

    def rows(self, index: Tensor) -> Network:
        return self.given(self._classes[index], self._weight) if isinstance(self._classes, Tensor) else self

    def _ask(self, x_t: Tensor, level: Level, classes: int | Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return (E[x0 | x_t], learned variance fraction or None), each (B, *signal)."""
        scale, label, skip, out = self._scales(level)
        if self.base is not None:
            return self._beside(self.base, x_t, level, classes), None
        given = x_t.to(self.dtype) if scale == 1 else (scale * x_t).to(self.dtype)
        # filled on the device, so that no step waits for a copy
        found = self._call(given, torch.full((len(x_t),), label, dtype=torch.float32, device=self.device), classes)
        share = None
        if self.learned_variance:
            found, fraction = found.chunk(2, dim=1)
            share = (fraction.detach() + 1) / 2
        return skip * x_t + out * found.to(x_t.dtype), share

    def _beside(self, base: Base, x_t: Tensor, level: Level, classes: int | Tensor | None) -> Tensor:
        """Return E[x0 | x_t] as the Gaussian's prediction plus the network's correction, (B, *signal)."""
        scale, label, _, _ = self._scales(level)
        rows = torch.full((len(x_t),), 1.0, dtype=torch.float64, device=self.device)
        given, expected, error = base.around(x_t.double(), level.alpha_bar * rows, scale * rows)
        found = self._call(given.to(self.dtype), label * rows.float(), classes)
        return (expected + error.view(-1, *[1] * (x_t.ndim - 1)) * found).to(x_t.dtype)

    def _scales(self, level: Level) -> _Scales:
        """Return the scalars of a level, cached."""
        if level not in self._known:
            kind, sigma_data, label_factor = self._settings
            alpha_bar, t = (torch.tensor(n, dtype=torch.float64) for n in (level.alpha_bar, level.t))
            found = Parametrisation.of(kind, alpha_bar, t, sigma_data, label_factor)
            self._known[level] = found.scale.item(), found.label.item(), found.skip.item(), found.out.item()
        return self._known[level]

    def _call(self, x: Tensor, labels: Tensor, classes: int | Tensor | None) -> Tensor:
        options = {"return_dict": False} | ({} if classes is None else {"class_labels": self._of_rows(classes, len(x))})
        try:
            if self._products is self.dtype:
                found: Tensor = self.network(x, labels, **options)[0]
                return found
            with torch.autocast(self.device.type, self._products):
                return self.network(x, labels, **options)[0].to(self.dtype)
        except RuntimeError as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = str(error).strip().partition("\n")[0]
            raise PosterityError(f"torch cannot compile the network here ({reason}); leave `compile` out") from error

    def _of_rows(self, classes: int | Tensor, count: int) -> Tensor:
        if isinstance(classes, int):
            return torch.full((count,), classes, device=self.device)
        if len(classes) != count:
            raise PosterityError(f"the network has classes for {len(classes)} rows, but is evaluated on {count}")
        return classes
