"""Tests, which mirror src/; they start as every stage does.

One thread, since those of two workers would wait for each other on two cores, and the
same kernels, since others round otherwise and a step of Adam makes much of it where a
gradient is next to nothing.
"""

from repro import process

process.prepare()
