"""Features: one module per modality kind, fitted on train rows only."""
