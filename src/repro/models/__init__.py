"""Models: encoders, router, experts and fusion, stacked over seeds."""
