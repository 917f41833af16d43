"""The contract of a severity estimator: from measurements to estimates of states and their error variance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from posterity.samplers.problem import Problem
from posterity.samplers.severity import Severity

__all__ = ["Estimator"]


class Estimator(ABC):
    """A frozen dataclass of settings.

    ``needs`` names capabilities of the operator on signals and of the prior, as a sampler's does.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def estimate(self, problem: Problem) -> Severity:
        """Return the severity of every row of ``problem``, whose operator acts on signals."""

    def trained_for(self) -> dict[str, Any]:
        """Return the task (operator and noise) this was trained for; empty if untrained."""
        return {}
