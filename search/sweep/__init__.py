"""A sweep planned and on disk."""
