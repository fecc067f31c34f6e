"""What holds for all tests."""

from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # an example may take as long as a busy machine needs
settings.load_profile("any machine")
