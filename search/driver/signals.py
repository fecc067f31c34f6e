"""Ctrl-C and SIGTERM end a sweep in good order."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends the sweep as Ctrl-C does."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    return 143 if isinstance(interrupt, Terminated) else 130


@contextlib.contextmanager
def interruptible() -> Iterator[list[int]]:
    """SIGTERM ends the sweep like Ctrl-C. Gives a list, empty until one has come."""
    signals: list[int] = []

    def terminate(number, frame):
        signals.append(number)
        raise Terminated

    def unraisable(problem):
        if not issubclass(problem.exc_type, KeyboardInterrupt):  # a second Ctrl-C may fall into a finaliser
            hook(problem)

    try:
        before, hook = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    except ValueError:  # not the main thread
        yield signals
        return
    try:
        sys.unraisablehook = unraisable
        yield signals
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)
