"""Scores of predictions, their spread over seeds and their bootstrap."""
