"""The severity that the exact posterior asks for: its mean, and the mean variance of a state's numbers given y.

No estimator has a smaller mean square error, and none can tell its own better. It hands the posterior's mean over to
the sampler, so it says where others should begin and is no evidence that beginning late pays.
"""

from __future__ import annotations

from posterity.errors import PosterityError
from posterity.priors.base import NoClosedForm
from posterity.samplers.base import settings
from posterity.samplers.problem import Problem
from posterity.samplers.severity import Severity
from posterity.severities.base import Estimator

__all__ = ["Exact"]


@settings
class Exact(Estimator):
    """The mean and the variance of the exact posterior of states."""

    needs = frozenset({"posterior"})

    def estimate(self, problem: Problem) -> Severity:
        states = problem.of_states()
        try:
            posterior = problem.prior.posterior(states.operator, problem.y, problem.sigma_y)
            return Severity(posterior.mean, posterior.variance)
        except NoClosedForm as error:
            raise PosterityError(f"severity exact: {error}") from error
