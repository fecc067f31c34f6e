"""Where to train next."""
