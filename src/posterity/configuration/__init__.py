"""From YAML to jobs: every mistake told at once, every job with its settings resolved."""

from posterity.configuration.loading import load, merge
from posterity.configuration.problems import ConfigurationError
from posterity.configuration.resolve import Job, Plan, resolve

__all__ = ["ConfigurationError", "Job", "Plan", "load", "merge", "resolve"]
