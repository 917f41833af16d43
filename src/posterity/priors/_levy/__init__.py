"""Gibbs sampling of Lévy processes: increments, two linear models, chains, and averages over them.

Arrays are float64 and *columns are chains*: increments u and signals x are (n, N) with N = rows · chains,
the chains of a row next to each other.
"""
