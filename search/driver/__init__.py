"""What runs a sweep."""
