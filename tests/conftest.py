"""What holds for all tests."""

from hypothesis import settings

LONGEST = ("tests/test_sweep.py", "tests/analysis/report/test_report.py", "tests/search/driver/test_refine.py")

settings.register_profile("any machine", deadline=None)  # an example may take as long as a busy machine needs
settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    """The longest files first: of two processes neither ends long before the other."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
