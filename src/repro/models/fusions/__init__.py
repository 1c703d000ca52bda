"""Fusions, one file each, behind one interface."""
