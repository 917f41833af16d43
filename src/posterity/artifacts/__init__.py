"""Reads and writes everything that is on disk; no other code touches it."""
