"""Apply the stored models of a run to new rows: `python -m repro.predict`."""
