"""Training: fit a stack of models, keep the best epoch of each."""
