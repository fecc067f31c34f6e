"""Progress and colours on a terminal."""
