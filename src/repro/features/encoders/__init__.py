"""Transformers read from folders: tokens in, states of their layers out."""
