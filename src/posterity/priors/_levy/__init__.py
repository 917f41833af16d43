"""Gibbs samplers of Lévy processes: increments, two linear models, chains and what is averaged over them.

Arrays are float64 and *columns are chains*: increments u and signals x have shape (n, N), N = rows ·
chains, the chains of a row side by side.
"""
