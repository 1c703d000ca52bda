"""Simulated MIMIC-IV tree with planted signals, written in the true raw layout."""
