"""Templates of ``posterity new``: files that are real code here, renamed there."""
