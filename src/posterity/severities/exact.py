"""The severity of the exact posterior: its mean, and the posterior variance averaged over a state's entries.

No estimator has a smaller mean square error or predicts it better. Since it gives the sampler the posterior mean, it
shows where other estimators should start, but is no evidence that a late start pays.
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
