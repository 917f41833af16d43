"""Measures what posterity costs, and the cost and accuracy of the same methods in other libraries."""
