r"""VIPaint: fit a variational posterior over key noise levels to each measurement, then sample (Agarwal et al. 2025).

Phase 1 fits a Markov chain of K Gaussians at levels from T_e to T_s (:mod:`.family`) by the bound (Eq. 13)

.. math:: -\log p(y) \le -E_q[\log p(y \mid \hat x_0(z_{T_s}))]
          + \beta_H \sum_i E_q\,\mathrm{KL}[q(z_{s_i} \mid z_{s_{i+1}}) \,\|\, p_\theta(z_{s_i} \mid z_{s_{i+1}})]
          + \beta_P\,L_{(T_e, T)},

with reparametrised draws and gradients through every evaluation. There is one fit per item: its parameters have the
state's shape, it uses the item's noise, and it doesn't depend on the number of samples. Phase 2 draws each sample
down the fitted chain, then takes DPS steps from T_s. The result is the last clean prediction.

``objective: exact`` is the bound in nats, with the entropy of q(z_Te), which Eq. 14 and the public code omit.
``objective: repo`` is that of the public code, with means over entries; ``defects`` lists the bugs of that code to
reproduce. Never reproduced: weights without averaging (D6, a property of the prior) and guidance by the loss of the
whole batch (D7): ``scale`` is the source's 2 over its batch of 5. The source swaps the labels of its two β (D8): here
``prior_weight`` weights the diffusion loss, ``chain_weight`` the hierarchical loss.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import ddim_noise_split, predicted_noise, renoise
from posterity.errors import PosterityError
from posterity.samplers._norms import norms
from posterity.samplers.base import Problem, Sampler, settings
from posterity.samplers.vipaint.family import Family
from posterity.samplers.vipaint.fitting import Beginning, Fit, Rates, fitted
from posterity.samplers.vipaint.objective import Misfit, Objective, misfit
from posterity.samplers.vipaint.rungs import Exact, Published

__all__ = ["VIPaint"]

Defect = Literal["inverted_kl", "swapped_kernel", "no_entropy", "twice_scaled", "no_noise"]
"""A bug of the public code: D1 to D5 of the table in docs/vipaint.md."""


@settings
class VIPaint(Sampler):
    """A hierarchy of Gaussians fitted to each measurement, then DPS steps; the operator need only be differentiable.

    With K levels, I iterations of B draws and n samples per item, a sample costs I·B·(K + 1)/n evaluations and as many
    gradients for the fit, then K - 1 + ``steps`` evaluations, all of ``steps`` but the last with a gradient. The
    diversity push moves the clean predictions of phase 2.
    """

    levels: Annotated[
        tuple[float, ...],
        Field(min_length=1, max_length=50, description="key levels from T_e to T_s, the noisiest first"),
    ] = (550.0, 400.0)
    by: Annotated[Literal["time", "snr"], Field(description="levels are given as times, or as SNR ᾱ/(1-ᾱ)")] = "time"
    objective: Annotated[
        Literal["exact", "repo"], Field(description="the bound in nats, or the public code's means")
    ] = "exact"
    likelihood: Annotated[Literal["gaussian", "l1"], Field(description="law of y given the clean prediction")] = (
        "gaussian"
    )
    least_std: Annotated[float, Field(gt=0, description="least σ of that law, in the units of x")] = 0.05
    data_weight: Annotated[float, Field(ge=0, description="weight of the reconstruction loss")] = 1.0
    chain_weight: Annotated[float, Field(ge=0, description="β, weight of the hierarchical loss")] = 1.0
    prior_weight: Annotated[float, Field(ge=0, description="β, weight of the diffusion loss")] = 1.0
    iterations: Annotated[int, Field(ge=0, description="iterations of the fit")] = 50
    draws: Annotated[int, Field(ge=1, description="B, draws per item and iteration")] = 10
    mean_rate: Annotated[float, Field(ge=0, description="Adam's step size for μ")] = 0.1
    variance_rate: Annotated[float, Field(ge=0, description="Adam's step size for log τ²")] = 0.001
    gate_rate: Annotated[float, Field(ge=0, description="Adam's step size for g, where γ = sigmoid(g)")] = 0.01
    decay: Annotated[float, Field(gt=0, le=1, description="factor of the step sizes every ten iterations")] = 0.99
    share: Annotated[float, Field(gt=0, le=1, description="η_v, share of posterior variance in prior steps")] = 0.2
    scaled: Annotated[bool, Field(description="means parametrise clean signals (times √ᾱ), else states")] = True
    jitter: Annotated[float, Field(ge=0, description="std of noise added to the initial means")] = 0.0
    top_noise: Annotated[float, Field(ge=0, description="std of noise added to the initial mean at T_e")] = 0.1
    spread: Annotated[float, Field(gt=0, description="initial τ below T_e, over the full step's std")] = 0.7
    gate: Annotated[float, Field(description="initial g")] = 5.0
    steps: Annotated[int, Field(ge=1, le=1000, description="DPS steps, from T_s down")] = 400
    stochasticity: Annotated[
        float, Field(ge=0, le=1, description="DDIM's η of the DPS steps: share of the ancestral std")
    ] = 0.2
    pull: Annotated[
        Literal["norm", "loss"], Field(description="DPS steps descend ‖y - A x0‖₂, or the reconstruction loss")
    ] = "norm"
    scale: Annotated[float, Field(ge=0, description="ζ, step size of DPS steps along that gradient")] = 1.0
    clamp: Annotated[bool, Field(description="clip clean predictions of DPS steps to [-1, 1]")] = True
    defects: Annotated[tuple[Defect, ...], Field(description="bugs of the public code to reproduce")] = ()

    begins_late = False
    # A unit gradient moves each of d entries by about ζ/√d per step, so a ζ that suits images fits the noise of a
    # 64-entry signal. Of 0, 0.1, 0.3 and 1, 0.1 with 50 steps was closest to exact draws on (kernel, denoise); fewer
    # steps need a larger ζ.
    quick = MappingProxyType({"iterations": 30, "draws": 5, "steps": 25, "scale": 0.2})
    standard = MappingProxyType({"steps": 100, "scale": 0.05})

    def __post_init__(self) -> None:
        ordered = sorted(self.levels, reverse=self.by == "time")
        if len(set(self.levels)) < len(self.levels) or list(self.levels) != ordered:
            way = "descend" if self.by == "time" else "ascend"
            raise ValueError(f"levels {[*self.levels]} are out of order: key levels by {self.by} must {way}")
        if self.objective == "exact" and (wrong := {"swapped_kernel", "no_entropy"} & {*self.defects}):
            raise ValueError(
                f"defects {sorted(wrong)} are of the diffusion loss of objective repo; objective exact has none"
            )
        if self.objective == "repo" and not self.scaled:
            raise ValueError("objective repo is defined for scaled means only; scaled must be true")

    def keys(self, schedule: Schedule) -> tuple[Level, ...]:
        """Return the K key levels, T_e first.

        Raises:
            PosterityError: if a level is outside the schedule, or T_s leaves no step for phase 2.
        """
        last = len(schedule) - 1
        if self.by == "snr":
            found = tuple(schedule.at_snr(value) for value in self.levels)
        elif self.levels[0] > last:
            raise PosterityError(
                f"{self._called}: level {self.levels[0]:g} is outside the schedule's times 1 to {last}"
            )
        else:
            found = tuple(schedule.level(t) for t in self.levels if t > 0)
        if len(found) < len(self.levels) or found[-1].t <= 1:
            raise PosterityError(f"{self._called}: the last of levels {[*self.levels]} must be noisier than time 1")
        return found

    def times(self, schedule: Schedule) -> list[Level]:
        keys = self.keys(schedule)
        below = np.linspace(keys[-1].t, 1, self.steps)[1:]
        return [*keys, *(schedule.level(float(t)) for t in below), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        keys = self.keys(problem.schedule)
        # phase 1: fit
        family = self.fit(problem, noise).of_samples()
        # phase 2: down the fitted chain
        z = family.top().draw(noise.normal("top"))
        loss = self._misfit(problem)
        for step, (t, s) in problem.steps(self):
            if step < len(keys) - 1:
                prior = family.transition(step + 1, problem, z)
                z = family.step(step + 1, prior).draw(noise.normal("chain", step))
                continue
            # predict ẑ0 and the gradient of the loss in z_t
            z0, gradient = self._predict(problem, z, t, loss if s != CLEAN else None)
            # DDIM step, guidance step
            z = z0 if s == CLEAN else self._step(z, z0, t, s, noise.normal("step", step)).sub_(gradient)
        return z

    def fit(self, problem: Problem, noise: Noise) -> Fit:
        """Fit the family to each item of ``problem``; return it with the losses of every iteration.

        Arguments:
            problem: rows with the same item number are samples of one measurement.
            noise: of the same rows; its item draws are used.
        """
        _, member = torch.unique(problem.items.to(problem.y.device), return_inverse=True)
        numbers = torch.arange(len(member), device=member.device)
        first = numbers.new_full((int(member.max()) + 1,), len(member)).scatter_reduce(0, member, numbers, "amin")
        items, own = problem.rows(first), noise.of_items().rows(first)
        keys, weights = self.keys(problem.schedule), (self.data_weight, self.chain_weight, self.prior_weight)
        begin = Beginning(self.jitter, self.top_noise, self.spread, self.gate, "twice_scaled" in self.defects)
        family = Family(keys, begin(items, own, keys, self.scaled), self.scaled, self.share)
        rates = Rates((self.mean_rate, self.variance_rate, self.gate_rate), self.decay)
        fits = fitted(items, own, family, self._objective(problem), weights, rates, self.draws)
        history = []
        for _, _ in problem.visits([keys[-1]] * self.iterations):
            family, terms = next(fits)
            problem.shown(terms.x0[member])
            history.append(terms.losses)
        return Fit(family, member, history)

    def _objective(self, problem: Problem) -> Objective:
        """Return the objective, whose terms are per-item losses, (I,)."""
        top, schedule, defects = self.keys(problem.schedule)[0], problem.schedule, frozenset(self.defects)
        above = Exact.above(top, schedule) if self.objective == "exact" else Published.above(top, schedule, defects)
        return Objective(above, self._misfit(problem), self.objective == "exact", "inverted_kl" in defects)

    def _misfit(self, problem: Problem) -> Misfit:
        """Return the reconstruction loss, (B,)."""
        return misfit(self.likelihood, max(problem.sigma_y, self.least_std), self.objective == "exact")

    def _step(self, z_t: Tensor, z0: Tensor, t: Level, s: Level, fresh: Tensor) -> Tensor:
        """Return z_s of a DDIM step, (B, *state)."""
        added, kept = ddim_noise_split(t, s, self.stochasticity)
        new = () if "no_noise" in self.defects else ((added, fresh),)
        return renoise(s, z0, (kept, predicted_noise(z_t, z0, t)), *new)

    def _predict(self, problem: Problem, z_t: Tensor, t: Level, loss: Misfit | None) -> tuple[Tensor, Tensor]:
        """Return (guided ẑ0, ζ times the gradient in z_t of phase 2's loss; 0 without one), detached, (B, *state)."""
        with torch.set_grad_enabled(loss is not None):
            z_t = z_t.detach().requires_grad_(loss is not None)
            z0 = problem.clip(problem.predict(z_t, t).x0, self.clamp)
            z0 = problem.clip(problem.guided(z0, t), self.clamp)
            if loss is None:
                return z0, torch.zeros_like(z0)
            residual = problem.residual(z0)
            value = norms(residual) if self.pull == "norm" else self.data_weight * loss(residual, problem.measured)
            (gradient,) = torch.autograd.grad(self.scale * value.sum(), z_t)
        return z0.detach(), gradient
