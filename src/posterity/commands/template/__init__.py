"""Templates of ``posterity new-sampler``: two files that are real code here, renamed there."""
