"""What the training cells wrote, read back and set beside the printed numbers."""
