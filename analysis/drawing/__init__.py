"""A network as a picture."""
