"""The contract of a severity estimator: measurements in, estimates of states and the variance of their error out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from posterity.samplers.problem import Problem
from posterity.samplers.severity import Severity

__all__ = ["Estimator"]


class Estimator(ABC):
    """A frozen dataclass of settings.

    ``needs`` names what the operator of signals and the prior must have, as a sampler's does.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def estimate(self, problem: Problem) -> Severity:
        """Return the severity of every row of ``problem``, whose operator is that of signals; states are estimated."""

    def trained_for(self) -> dict[str, Any]:
        """Return the task, operator and noise, that this was trained for; nothing where nothing was trained."""
        return {}
