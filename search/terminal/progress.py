"""Live progress: one bar on a terminal, a plain line now and then elsewhere."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from analysis.algorithms.names import colours, display_name
from analysis.formatting import duration, printable
from search.terminal.colours import coloured, paint
from search.terminal.output import notes

BAR = 24  # characters
FULL, HALF, EMPTY = "█", "▒", "░"
FAILED = "#d1495b"
PLAIN_SECONDS = 30.0  # between lines when the output is no terminal


class Progress:
    """Counts trainings as they arrive and shows them. Safe to call from several threads.

    pack_seconds: estimated cost of each pack, which weighs the steps that running packs report, for the ETA.
    """

    def __init__(
        self,
        *,
        total: int,
        done: Counter | None = None,
        pack_seconds: Sequence[float] = (),
        stream: TextIO | None = None,
    ):
        self.total = total
        self.counts = Counter(done or {})  # algorithm, or "failed" -> trainings
        self.done_before = sum(self.counts.values())
        self.pack_seconds = list(pack_seconds)
        self.pack_share = [0.0] * len(self.pack_seconds)  # of each pack's steps
        self.stream = stream or notes()
        self.started: float | None = None
        self._live = self.stream.isatty()
        self._shown = 0.0
        self._width = 0
        self._lock = threading.RLock()

    def start(self) -> None:
        """The clock of the ETA starts: call it when work does."""
        self.started = self._shown = time.monotonic()
        self.show()

    def pack_step(self, index: int, share: float) -> None:
        """A pack has done `share` of its steps."""
        with self._lock:
            self.pack_share[index] = max(self.pack_share[index], share)
            self.show()

    def add(self, row: dict) -> None:
        """A training has arrived in the ledger."""
        with self._lock:
            self.counts[row["algorithm"] if row["status"] == "done" else "failed"] += 1
            self.show()

    @property
    def done(self) -> int:
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """Of the packs' work that is done, in [0, 1]."""
        total = sum(self.pack_seconds)
        return sum(p * s for p, s in zip(self.pack_share, self.pack_seconds, strict=True)) / total if total else 0.0

    def eta(self) -> float | None:
        """Estimated seconds to the end; None while there is nothing to judge from."""
        if self.started is None or self.share <= 0.01:
            return None
        return (time.monotonic() - self.started) * (1 - self.share) / self.share

    def line(self) -> str:
        eta = self.eta()
        left = ""
        if eta is not None and eta >= 1 and self.done < self.total:  # steps done, networks not read yet: no "0 s"
            left = f" · {duration(eta)} left"
        counts = "".join(f" · {printable(display_name(name))} {number}" for name, number in self.counts.most_common())
        return f"{self.done}/{self.total} trainings{left}{counts}"

    def show(self, *, last: bool = False) -> None:
        with self._lock:
            if self._live:
                self._show_live(last)
            elif last or time.monotonic() - self._shown >= PLAIN_SECONDS:
                self._shown = time.monotonic()
                print(self.line(), file=self.stream, flush=True)

    def clear(self) -> None:
        """Takes the bar away, to make room for a line."""
        with self._lock:
            if self._live and self._width:
                print("\r" + " " * self._width + "\r", end="", file=self.stream, flush=True)
                self._width = 0

    def say(self, text: str) -> None:
        """A line of its own above the bar."""
        with self._lock:
            self.clear()
            print(printable(text), file=self.stream, flush=True)
            self.show()

    def bar(self, *, colour: bool = False) -> str:
        """Trainings that are there (each algorithm in its colour), then the part of the others' work that is done."""
        if not self.total:
            return FULL * BAR
        edges, text, seen, own = [0], "", 0, colours(self.counts.keys() - {"failed"})
        for name, number in self.counts.most_common():
            seen += number
            edges.append(min(BAR, round(BAR * seen / self.total)))
            piece = FULL * (edges[-1] - edges[-2])
            text += paint(piece, own.get(name) or FAILED) if colour else piece
        missing = 1 - self.done_before / self.total
        begun = max(0, round(BAR * (1 - missing + missing * self.share)) - edges[-1])
        return text + HALF * begun + EMPTY * (BAR - edges[-1] - begun)

    def _show_live(self, last: bool) -> None:
        import shutil

        room = max(20, shutil.get_terminal_size().columns - 2 - BAR)
        text = self.line()
        text = text if len(text) <= room else text[: room - 1] + "…"
        blank = " " * (self._width - BAR - 1 - len(text))
        end = "\n" if last else ""
        print(f"\r{self.bar(colour=coloured(self.stream))} {text}{blank}", end=end, file=self.stream, flush=True)
        self._width = 0 if last else BAR + 1 + len(text)
