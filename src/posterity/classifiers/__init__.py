"""Diagnosis classifiers of ECGs: a network that gives the probability of each of its classes."""
