"""Degradation operators, one file a family."""
