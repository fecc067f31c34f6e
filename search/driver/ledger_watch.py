"""A thread that watches the ledger while workers write to it."""

import threading
import time
import warnings
from collections.abc import Callable

from search.error_text import one_line
from search.ledger import ledger
from search.ledger.index import LedgerIndex
from search.ledger.record import Record
from search.sweep.folder import SweepFolder
from search.tracking.queue import POLL_SECONDS


class LedgerWatch(threading.Thread):
    """Calls `on_record` once for every record that appears among `wanted` keys."""

    def __init__(self, folder: SweepFolder, source: str, wanted: set[str], on_record: Callable[[Record], None]):
        """source: the ledger that workers write to."""
        super().__init__(name="ledger watch", daemon=True)
        self._folder, self._source, self._wanted, self._on_record = folder, source, set(wanted), on_record
        self._index = LedgerIndex(folder.ledger, folder.index)
        self._warned = False
        self._end = threading.Event()

    def run(self) -> None:
        pause = POLL_SECONDS
        while not self._end.wait(pause):
            started = time.monotonic()
            self.evaluate()
            pause = max(POLL_SECONDS, 20 * (time.monotonic() - started))  # listings of many records take their time

    def finish(self) -> None:
        """Looks a last time, then ends."""
        self._end.set()
        if self.is_alive():
            self.join()
        self.evaluate()
        self._index.flush()

    def evaluate(self) -> None:
        try:
            ledger.copy(self._source, self._folder.ledger, self._wanted)
        except Exception as error:  # a storage that is away comes back, or the next `resume` copies
            if not self._warned:
                self._warned = True
                warnings.warn(f"{self._source}: {one_line(error)}", stacklevel=1)
        for key in sorted(self._wanted & ledger.keys(self._folder.ledger)):
            self._wanted.discard(key)
            record = self._index.read(key)
            if record is not None:
                try:
                    self._on_record(record)
                except Exception as error:
                    warnings.warn(f"training {key}: {one_line(error)}", stacklevel=1)
