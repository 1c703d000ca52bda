"""The report page: every table and figure in one file that needs no network."""
