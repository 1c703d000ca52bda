"""The words by which made-up stays say that nobody real is in them."""

COLUMN = "first_careunit"  # of icustays, which every ingest reads
MARK = "Simulated "  # begins it in every stay that the simulator writes
