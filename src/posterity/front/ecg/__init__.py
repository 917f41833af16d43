"""Restores the leads and stretches that an ECG lacks. For research; not for diagnosis."""
