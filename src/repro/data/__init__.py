"""Readers: one module per raw layout, all giving the same `Dataset` record."""
