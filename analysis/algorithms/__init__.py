"""Which algorithm a network uses."""
