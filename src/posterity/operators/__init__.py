"""Degradation operators, one file per family."""
