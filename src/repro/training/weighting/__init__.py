"""Modality weights inside a training run, under a protocol."""
