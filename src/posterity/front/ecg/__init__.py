"""Restores missing leads and time intervals of an ECG. For research; not for diagnosis."""
