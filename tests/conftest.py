"""What holds for all tests."""

from hypothesis import settings

LONGEST = ("tests/test_sweep.py", "tests/analysis/report/test_report.py", "tests/search/driver/test_refine.py")

# An example may take as long as a busy machine needs, and a run is the same everywhere: a rare counterexample is found
# by looking for it (`pytest --hypothesis-profile=explore`), not by a stranger whose change has nothing to do with it.
settings.register_profile("any machine", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    """The longest files first: of two processes neither ends long before the other."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
