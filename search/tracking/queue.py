"""Two threads beside the training: one watches the ledger, one logs to MLflow. Neither can stop the sweep."""

import collections
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable

from analysis.files import replace_text
from search.config.schema import Config
from search.error_text import one_line
from search.ledger import ledger
from search.sweep.folder import SweepFolder
from search.tracking.local_store import store_uri
from search.tracking.sample import Sample, Stratum
from search.tracking.server import check_tracking
from search.tracking.tracker import Tracker

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 4.0  # of silence while the last trainings are logged
RETRY_SECONDS = 30.0  # between two attempts to reach a store that failed


class TrackingQueue(threading.Thread):
    """Logs trainings to MLflow, one at a time. Records wait in the ledger, not in memory."""

    def __init__(self, config: Config, folder: SweepFolder, manifest: dict, say: Callable[[str], None]):
        super().__init__(name="mlflow", daemon=True)
        self._config, self._folder, self._manifest, self._say = config, folder, manifest, say
        self._waiting: collections.deque[tuple[str, bool, Stratum]] = collections.deque()
        self._sample = Sample(config)
        self._change = threading.Condition()
        self._draining = self._abandoned = self._warned = False
        self._next_try = 0.0
        self.tracker: Tracker | None = None
        self.error: str | None = None  # of the latest failure, while it lasts
        self.logged = 0

    def put(self, rows: Iterable[dict]) -> None:
        """Trainings to be logged if they are not."""
        waiting = [(row["key"], row["status"] == "done", self._sample.stratum(row)) for row in rows]
        with self._change:
            self._waiting.extend(waiting)
            self._change.notify()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def run(self) -> None:
        while self._wait_for_work():
            try:
                self._work()
                self.error = None
            except Exception as error:
                self.tracker, self.error = None, one_line(error)
                self._next_try = time.monotonic() + RETRY_SECONDS
                if not self._warned:
                    self._warned = True
                    self._say(f"MLflow: {self.error}; the sweep goes on, `hyperphase sync` can log the rest later")
                if self._draining:
                    return

    def finish(self, *, abandon: bool = False) -> None:
        """Logs what is waiting (nothing more if `abandon`) and ends. A store that is down gets one last try."""
        with self._change:
            self._draining, self._abandoned, self._next_try = True, abandon, 0.0
            self._change.notify()
        if self.is_alive():
            self.join(timeout=PATIENCE_SECONDS)
            if self.is_alive() and self.waiting and not abandon:
                self._say(f"logging {self.waiting} trainings to MLflow")
            self.join()
        if self.tracker is not None:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                links = json.dumps(self.tracker.links(), indent=0)
                if not self._folder.links.is_file() or self._folder.links.read_text(encoding="utf-8") != links:
                    replace_text(self._folder.links, links)

    def close(self, status: str, counts: dict[str, int]) -> None:
        """Ends the parent run. Call after `finish`."""
        if self.tracker is not None:
            try:
                self.tracker.close_sweep(status, counts)
            except Exception as error:
                self.error = one_line(error)

    def _wait_for_work(self) -> bool:
        """Sleeps until there is something to do. False: the end."""
        with self._change:
            while not self._abandoned:
                pause = self._next_try - time.monotonic()
                if pause <= 0 and (self._waiting or self.tracker is None):
                    return True
                if self._draining and not self._waiting:
                    return False
                self._change.wait(timeout=max(pause, 0.1) if pause > 0 else None)
            return False

    def _work(self) -> None:
        """Opens the store if need be, then logs the training that has waited longest."""
        if self.tracker is None:
            check_tracking(store_uri(self._config, self._folder))
            tracker = Tracker(self._config, self._folder, self._manifest["sweep"])
            tracker.open_sweep(self._manifest)
            self.tracker = tracker
        if not self._waiting:
            self.tracker.prepare()
            return
        key, done, stratum = self._waiting[0]
        if not self.tracker.is_logged(key, done=done):
            record = ledger.read_or_set_aside(ledger.record_path(self._folder.ledger, key))
            if record is not None:
                try:
                    self.tracker.log(record, detailed=self._sample.wants(stratum))
                except Exception:
                    self._waiting.rotate(-1)  # should this training be the trouble, the others get their turn
                    raise
                self.logged += 1
        self._sample.count(stratum)
        self._waiting.popleft()
