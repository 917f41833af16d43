r"""The exact posterior of a (blockwise) kernel prior under a linear operator with a known SVD.

In the basis V of A = U Σ Vᵀ a measurement is y_i = s_i v_i + σ_y n_i. A content m therefore has the
likelihood N(Uᵀy; s Vᵀm, s²h² + σ_y²) over s > 0, and its posterior is diagonal in V.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.base import Operator
from posterity.priors._blocks import Block, BlockPrior
from posterity.priors._rows import alike, inverse_cdf, probe
from posterity.priors.base import ExactPosterior, NoClosedForm

__all__ = ["BlockPosterior"]

_CHUNK = 2**23
"""Entries in one slice of transformed contents."""


class BlockPosterior(ExactPosterior):
    """The posterior of a block prior; modes are the contents of each row's *most hidden* block.

    That is the block with the smallest share of measured coordinates (the first of ties), all other blocks
    summed out. The whole-image prior has one block, and its modes are images.
    """

    def __init__(self, prior: BlockPrior, operator: Operator, y: Tensor, sigma_y: float) -> None:
        if not {"linear", "svd"} <= operator.has:
            raise NoClosedForm(f"{type(operator).__name__} has no singular value decomposition")
        self._prior, self._operator, self._svd = prior, operator, operator.svd
        self._check_blocks()
        shape, h2 = prior.signal_shape, prior.bandwidth**2
        s = self._svd.singulars.to(y)
        # One row if all measurements share their singular values, else B.
        self._s = s.expand(s.shape[0] if s.ndim > len(shape) else 1, *shape)
        self._seen = self._s > 0
        total = torch.where(self._seen, self._s**2 * h2 + sigma_y**2, 1.0)
        self._gain = torch.where(self._seen, self._s * h2 / total, 0.0)
        self._std = prior.bandwidth * torch.where(self._seen, sigma_y / total.sqrt(), 1.0)
        self._uy = self._svd.Ut(y)
        self._sigma_y = sigma_y
        self._rest = self._unexplained(y)
        self._logits, self._constant = self._explain(total)
        self._weights = prior.responsibilities(self._logits)
        self._hidden = self._most_hidden(len(y))

    def _check_blocks(self) -> None:
        """Raise NoClosedForm if V mixes the pixels of different blocks."""
        blocks = self._prior.blocks
        if len(blocks) == 1:
            return
        one = self._operator.rows(torch.tensor([0])).svd
        for block in blocks:
            inside = self._embed(
                block, probe(self._prior.signal_shape).to(self._prior.dtype).flatten(1)[:, block.index]
            )
            outside = one.Vt(inside).flatten(1).index_fill(1, block.index, 0.0)
            if outside.abs().max() > 1e-6:
                name = type(self._operator).__name__
                raise NoClosedForm(f"{name} mixes pixels across the blocks of a {type(self._prior).__name__} prior")

    def _embed(self, block: Block, values: Tensor) -> Tensor:
        """Place values on a block, (N, n) → (N, *signal), 0 elsewhere."""
        shape = self._prior.signal_shape
        return values.new_zeros(len(values), math.prod(shape)).index_copy(1, block.index, values).unflatten(1, shape)

    def _unexplained(self, y: Tensor) -> Tensor:
        """Return the log density of the part of y outside the range of A, (B,); 0 without noise or such a part.

        A matrix with more rows than columns has such a part, and so does a blur with truncated singular values.
        """
        measured = self._operator.where_measured(y).flatten(1)
        count = measured.sum(1) - self._seen.flatten(1).sum(1)
        if self._sigma_y == 0:
            return torch.zeros_like(count)
        away = (measured * y.flatten(1)).square().sum(1) - self._uy.flatten(1).square().sum(1)
        density = away / self._sigma_y**2 + count * math.log(2 * math.pi * self._sigma_y**2)
        return torch.where(count > 0, -density / 2, 0.0)

    def _explain(self, total: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return log N(y; content) per block, (B, N_r), and the term that all contents share, (B,)."""
        prior, svd = self._prior, self._svd
        shape = (len(self._uy), *prior.signal_shape)
        centre = prior.assemble([block.centre[None] for block in prior.blocks]).expand(shape)
        residual = torch.where(self._seen, self._uy - self._s * svd.Vt(centre), 0.0)
        density = torch.where(self._seen, residual**2 / total + (2 * math.pi * total).log(), 0.0)
        linear = svd.V(self._s / total * residual).flatten(1)
        precision = (self._s**2 / total).flatten(1)
        groups = alike(svd.Vt(probe(prior.signal_shape).to(self._uy).expand(shape)))
        logits = [
            linear[:, block.index] @ block.contents.T - self._curvature(block, precision, groups) / 2
            for block in prior.blocks
        ]
        return logits, -density.flatten(1).sum(1) / 2

    def _curvature(self, block: Block, precision: Tensor, groups: list[Tensor]) -> Tensor:
        """Return Σ_i s_i²/(s_i²h² + σ_y²) (Vᵀm)_i² of each centred content, (B or 1, N).

        ``groups`` are the rows that share V: one group, except for operators with one kernel per row.
        """
        if len(groups) > 1:
            precision = precision.expand(len(self._uy), -1)
        out = precision.new_empty(len(precision), len(block.contents))
        size = max(1, _CHUNK // precision.shape[1])
        for rows in groups:
            one = self._operator.rows(rows[:1]).svd
            mine = rows if len(groups) > 1 else slice(None)
            for start in range(0, len(block.contents), size):
                part = slice(start, start + size)
                squares = one.Vt(self._embed(block, block.contents[part])).flatten(1).square_()
                out[mine, part] = precision[mine] @ squares.T
        return out

    def _most_hidden(self, rows: int) -> Tensor:
        seen = self._seen.flatten(1).double()
        shares = [seen[:, block.index].sum(1) / len(block.index) for block in self._prior.blocks]
        return torch.stack(shares, dim=1).argmin(1).expand(rows)

    def _condition(self, m: Tensor, spread: Tensor | float = 0.0) -> Tensor:
        """Return E[x | y, content m] plus a spectral deviation, (B, *signal)."""
        return m + self._svd.V(self._gain * (self._uy - self._s * self._svd.Vt(m)) + spread)

    @property
    def mean(self) -> Tensor:
        pairs = zip(self._prior.blocks, self._weights, strict=True)
        return self._condition(self._prior.assemble([block.blend(w) for block, w in pairs]))

    @property
    def variance(self) -> Tensor:
        """Return the mean variance, (B,): that between contents given y, plus that of the Gaussian around each.

        Blocks share no coordinate of V, so the variances of their contents add up.
        """
        shape = self._prior.signal_shape
        left = (1 - self._gain * self._s).square().flatten(1).expand(len(self._uy), -1)
        total = self._std.square().flatten(1).sum(1).expand(len(self._uy)).clone()
        groups = alike(self._svd.Vt(probe(shape).to(self._uy).expand(len(self._uy), *shape)))
        for block, weights in zip(self._prior.blocks, self._weights, strict=True):
            for rows in groups:
                first, second = self._spectral_moments(block, weights[rows], self._operator.rows(rows[:1]))
                total[rows] += (left[rows] * (second - first.square()).clamp(min=0)).sum(1)
        return total / math.prod(shape)

    def _spectral_moments(self, block: Block, weights: Tensor, one: Operator) -> tuple[Tensor, Tensor]:
        """Return the means of Vᵀm and of its square over the contents m of a block with weights (B, N), (B, d) each."""
        first = weights.new_zeros(len(weights), math.prod(self._prior.signal_shape))
        second = torch.zeros_like(first)
        size = max(1, _CHUNK // first.shape[1])
        for start in range(0, len(block.contents), size):
            turned = one.svd.Vt(self._embed(block, block.contents[start : start + size])).flatten(1)
            first += weights[:, start : start + size] @ turned
            second += weights[:, start : start + size] @ turned.square()
        return first, second

    @property
    def mode_probabilities(self) -> Tensor:
        """Return (B, K) over the K items; 0 for an item whose content an earlier item already shows."""
        out = self._uy.new_zeros(len(self._uy), self._prior.count)
        for r, (block, weights) in enumerate(zip(self._prior.blocks, self._weights, strict=True)):
            rows = (self._hidden == r).nonzero()[:, 0]
            out[rows[:, None], block.ids] = weights[rows]
        return out

    @property
    def log_evidence(self) -> Tensor:
        """Return log p(y) over the measured entries (without noise, over the coefficients Uᵀy), (B,)."""
        return self._rest + self._constant + torch.logsumexp(self._prior.group_logits(self._logits), dim=1)

    def sample(self, noise: Noise) -> Tensor:
        """Draw a group, then one content per block by inverse CDF, then a Gaussian diagonal in V; (B, *signal)."""
        prior = self._prior
        groups = inverse_cdf(prior.group_logits(self._logits).softmax(1), noise.uniform("group"))
        parts = []
        for r, (block, logits) in enumerate(zip(prior.blocks, self._logits, strict=True)):
            chances = (logits + block.log_weights[groups]).softmax(1)
            parts.append(block.centre + block.contents[inverse_cdf(chances, noise.uniform("mode", r))])
        return self._condition(prior.assemble(parts), self._std * noise.normal("exact", 0, prior.signal_shape))

    def mode_of(self, x: Tensor) -> Tensor:
        """Return the most responsible content of each row's most hidden block, long (B,).

        Given x, the content is independent of y, so responsibilities are the prior's at x (without noise, at
        the nearest signal that is consistent with y).
        """
        x = x.to(self._uy)
        if self._sigma_y == 0:
            inverse = torch.where(self._seen, 1 / self._s, 0.0)
            x = x + self._svd.V(inverse * (self._uy - self._s * self._svd.Vt(x)))
        weights = self._prior.responsibilities(self._prior.logits(x, 1.0))
        best = torch.stack(
            [block.ids[w.argmax(1)] for block, w in zip(self._prior.blocks, weights, strict=True)], dim=1
        )
        return best.gather(1, self._hidden[:, None])[:, 0]
