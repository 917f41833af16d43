"""What posterity costs, and what the same methods cost and give elsewhere; ``python -m benchmarks`` runs it."""
