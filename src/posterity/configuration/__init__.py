"""Turns YAML into jobs with resolved settings, and reports all mistakes at once."""

from posterity.configuration.loading import as_snakemake, load, merge
from posterity.configuration.problems import ConfigurationError
from posterity.configuration.resolve import Job, Plan, resolve

__all__ = ["ConfigurationError", "Job", "Plan", "as_snakemake", "load", "merge", "resolve"]
