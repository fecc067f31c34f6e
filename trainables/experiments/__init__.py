"""Experiments of anybody's own: axes, a training, labels."""
