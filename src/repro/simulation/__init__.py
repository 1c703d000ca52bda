"""Simulated data sets in the raw layouts of the real ones, with a planted truth."""
