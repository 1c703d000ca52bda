"""Pages made from code and metadata: the API of btw, cards of data and models."""
