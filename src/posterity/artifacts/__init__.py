"""Reads and writes every artifact on disk; no other code does."""
