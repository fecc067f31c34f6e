"""p(label | x, y) of any table, and the boundaries between its phases."""
