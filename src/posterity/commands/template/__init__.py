"""What ``posterity new-sampler`` writes: two files that are real code here, renamed there."""
