"""Functions to compute."""
