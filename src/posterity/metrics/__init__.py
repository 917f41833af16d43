"""Numbers about samples, sets and pools; each a thin wrapper over the library that defines it."""
