"""Leads, rates and beats of electrocardiograms."""
