"""Hypernetworks, and the target networks that they draw."""
