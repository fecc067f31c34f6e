"""Runs a command and watches it: processor time and memory of every process of its session, read from /proc (Linux)."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MIB = 2**20
KINDS = ("driver", "workers", "ray")  # the command itself; processes that train; Ray's own
INTERVAL = 0.5  # seconds between two looks


@dataclass
class Watched:
    """times: of the looks, seconds since the epoch. processor: kind -> seconds spent so far, at every look.

    resident: kind -> MiB of all its processes together, at every look; peak: kind -> the largest single process.
    """

    started: float = 0.0
    ended: float = 0.0
    returncode: int = 0
    session: int = 0
    times: list[float] = field(default_factory=list)
    processor: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    resident: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    peak: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))

    def spent(self, begin: float, end: float) -> dict[str, float]:
        """kind -> processor seconds between two moments."""
        import numpy as np

        return {kind: float(np.diff(np.interp([begin, end], self.times, used))[0])
                for kind, used in self.processor.items()}  # fmt: skip


def watch(command: list[str], *, until: Callable[[], bool] = lambda: False, **options) -> Watched:
    """Runs the command to its end, or kills it once `until` is true. options: of subprocess.Popen."""
    seen = Watched(started=time.time())
    spent: dict = {}
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        while process.poll() is None:
            _look(seen, spent, process.pid)
            time.sleep(INTERVAL)
            if until():
                break
    finally:
        if process.poll() is None:
            process.kill()
    seen.ended, seen.returncode = time.time(), process.wait()
    seen.session = process.pid
    return seen


def _look(seen: Watched, spent: dict[int, tuple[str, float]], session: int) -> None:
    """spent: process id -> its kind and processor seconds; one that has ended keeps its last."""
    resident = dict.fromkeys(KINDS, 0.0)
    for process, name, seconds, mib in _processes(session):
        kind = "driver" if process == session else "workers" if name.startswith("ray::Implicit") else "ray"
        spent[process] = (kind, seconds)
        resident[kind] += mib
        seen.peak[kind] = max(seen.peak[kind], mib)
    seen.times.append(time.time())
    for kind in KINDS:
        seen.processor[kind].append(sum(seconds for of, seconds in spent.values() if of == kind))
        seen.resident[kind].append(resident[kind])


def end_session(session: int, patience: float = 60.0) -> None:
    """Waits until the processes that a killed command left have ended by themselves; kills those that do not."""
    deadline = time.monotonic() + patience
    while left := [process for process, *_ in _processes(session)]:
        if time.monotonic() > deadline:
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        time.sleep(INTERVAL)


def _processes(session: int) -> Iterator[tuple[int, str, float, float]]:
    """(process id, name, processor seconds, resident MiB) of a session's processes."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            name, _, rest = (path / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()  # proc(5): state ppid pgrp session … utime stime at 11 and 12 from here
            if int(fields[3]) == session:
                resident = int((path / "statm").read_text().split()[1]) * page / MIB
                yield int(path.name), name, (int(fields[11]) + int(fields[12])) / tick, resident
