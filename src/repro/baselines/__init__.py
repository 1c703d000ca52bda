"""Predictors without a network."""
