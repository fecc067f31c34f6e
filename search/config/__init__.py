"""What was asked for: a sweep's settings."""
