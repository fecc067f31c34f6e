"""NumPy's and SciPy's linear algebra on one thread: for matrices as small as ours that is faster than two.

On a busy machine threads that wait for each other took ten times the processor time of one.
"""

import contextlib
import functools
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController


@functools.cache
def _libraries() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  a controller knows the libraries that are loaded when it is made

    return ThreadpoolController()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """For the length of a block, or of a function that this decorates."""
    with _libraries().limit(limits=1):
        yield
