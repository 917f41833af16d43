"""Whether a row depends on the batch that it sits in."""

from __future__ import annotations

import torch

from posterity.certificates.evidence import Evidence, restore
from posterity.certificates.finding import Finding
from posterity.diffusion.noise import Noise

__all__ = ["examine"]

MARGIN = 1e-5


def examine(evidence: Evidence) -> list[Finding]:
    """Largest difference of a row alone, in 8 and in 512."""
    return [_batch(evidence)]


def _batch(evidence: Evidence) -> Finding:
    if evidence.guidance is not None:
        return Finding("coupling", "batch", note="guided samples are meant to see one another")
    instance, largest = evidence.case.instances[0], 512
    rows = torch.arange(largest) % len(instance)
    seen = [_rows(evidence, rows[:count]) for count in (1, 8, largest)]
    gap = max(float((one - seen[-1][: len(one)]).abs().max()) for one in seen[:-1])
    return Finding("coupling", "batch", gap, 0.0, 0.0, MARGIN, note="largest |Δ| of a row alone, in 8 and in 512")


def _rows(evidence: Evidence, rows: torch.Tensor) -> torch.Tensor:
    names, numbers = [str(r) for r in rows.tolist()], list(range(len(rows)))
    return restore(evidence.sampler, evidence.case.instances[0], rows, Noise(evidence.seed, names, numbers))[0]
