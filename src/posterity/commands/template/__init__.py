"""Templates of ``posterity new``: working code here, which the command copies under a new name."""
