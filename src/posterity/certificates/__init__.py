"""Certificates: a sampler's error against an exact posterior, as a panel of statistics that are themselves tested.

A statistic is one file in :mod:`posterity.certificates.statistics`. It is admitted only with two tests:
exact draws pass it, and a sampler with a fault that it claims to detect fails it.
"""
