"""Studies: everything measured, nothing shipped."""
