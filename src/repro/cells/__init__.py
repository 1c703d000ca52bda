"""Training cells: what is fitted, on what evidence, and what is written."""
