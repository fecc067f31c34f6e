"""Charts: one file per figure."""
