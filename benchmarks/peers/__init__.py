"""Adapters that pass our priors and measurements to the samplers of two peers, azula and deepinv.

Both are installed for development only. The adapters run the peers' unchanged samplers with our prior on our time
grid. The tests in ``tests/peers`` and the ratios of ``benchmarks`` use the same adapters.
"""
