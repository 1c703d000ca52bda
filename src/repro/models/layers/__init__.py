"""What fusions and tokens are built of, stacked over seeds."""
