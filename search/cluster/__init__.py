"""Ray: connecting to it, and running packs on it."""
