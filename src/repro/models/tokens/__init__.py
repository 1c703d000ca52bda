"""Tokens of every modality from its features."""
