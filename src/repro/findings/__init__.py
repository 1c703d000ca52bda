"""Findings: what the tables' differences say, as sentences with their numbers."""
