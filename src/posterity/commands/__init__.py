"""The commands behind ``posterity.cli``."""
