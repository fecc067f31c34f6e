"""What people read: the report, the comparison of sweeps, the summary in the terminal."""
