"""A sweep's tables, and statistics on them."""
