"""Tests, which mirror src/."""

import os

# As in every stage; threads of two workers would wait for each other on two cores.
os.environ["OMP_NUM_THREADS"] = "1"
