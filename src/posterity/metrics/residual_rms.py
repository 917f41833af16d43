"""The residual of the measurement, recorded by the stage "sample" in double precision."""

from __future__ import annotations

from posterity.metrics._recorded import Recorded

__all__ = ["ResidualRMS"]


class ResidualRMS(Recorded):
    """RMS of y − A x̂ over the measured entries, in the units of y."""
