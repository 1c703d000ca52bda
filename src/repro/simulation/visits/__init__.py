"""A simulated tree of hospital visits in the layout of MIMIC-IV."""
