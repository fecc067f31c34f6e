"""The process in which a user's own experiment trains: `python -m search.cluster.own_process PIPE`, the job on stdin.

Whatever the code does here, the worker that started it lives. It ends when its starter does.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from search.error_text import one_line
from search.ledger import ledger
from search.ledger.checkpoints import PackCheckpoint
from search.ledger.own_record import to_own_record
from search.ledger.record import Record
from trainables.errors import TrainableError
from trainables.experiments.experiment import RESERVED, Experiment
from trainables.experiments.outcome import Outcome, checked
from trainables.experiments.run import Run, State
from trainables.objects import explain, load_object, provide

SHARES = 1000  # steps of a checkpoint: thousandths of the training
SAY_SECONDS = 1.0  # between two words on progress
STATE = "state/"  # of a checkpoint: the arrays that the training saved
MAX_TRACEBACK = 20_000  # characters


class Trainer:
    """Trains what a job asks for. job: `search.cluster.train_own`'s config, with "batches" of members."""

    def __init__(self, job: dict[str, Any], pipe: int):
        self.job, self._pipe, self._said = job, pipe, 0.0
        provide(job["files"], job["paths"])
        self.experiment = load_object(job["experiment"], Experiment)
        self.settings = self.experiment.settings.model_validate(job["settings"])
        self.taken = RESERVED | {axis.name for axis in self.experiment.axes}

    def say(self, **message: Any) -> None:
        os.write(self._pipe, json.dumps(message).encode() + b"\n")

    def train(self, batch: list[dict[str, Any]]) -> None:
        """Of a batch that raises, those that have no outcome yet are trained alone."""
        self.say(begun=[member["key"] for member in batch])
        checkpoints = [self._checkpoint(member) for member in batch]
        runs = [self._run(*pair, index, len(batch)) for index, pair in enumerate(zip(batch, checkpoints, strict=True))]
        outcomes: Iterator[Outcome] | None = None
        for index, (member, checkpoint) in enumerate(zip(batch, checkpoints, strict=True)):
            started = time.monotonic()
            try:
                outcomes = outcomes or iter(self._outcomes(runs))
                outcome = checked(next(outcomes, None), self.taken)
                seconds = time.monotonic() - started
                record = to_own_record(
                    self.experiment, self.job["recipe"], member, outcome, seconds=seconds, host=self.job["host"]
                )
            except (Exception, SystemExit) as error:
                checkpoint.failed()
                if len(batch) == 1:
                    told = explain(self.job["experiment"], error)
                    self.say(failed=member["key"], reason=told, traceback=_traceback(), raised=True)
                else:
                    for one in batch[index:]:
                        self.train([one])
                return
            if outcome.failed:
                self.say(failed=member["key"], reason=outcome.failed, traceback="", raised=False)
            else:
                self._keep(record)
                self.say(done=member["key"])
            checkpoint.remove()

    def _keep(self, record: Record) -> None:
        """A full disk, a storage that is away: not the training's fault, which is missing then, not failed."""
        try:
            ledger.write(self.job["ledger"], record)
        except Exception as error:
            self.say(unusable=f"training {record.row['key']} cannot be stored: {one_line(error)}")
            sys.exit(1)

    def _outcomes(self, runs: list[Run]) -> Iterable[Outcome]:
        if self.experiment.train_pack is not None:
            return self.experiment.train_pack(runs)
        assert self.experiment.train is not None
        return [self.experiment.train(run) for run in runs]

    def _checkpoint(self, member: dict[str, Any]) -> PackCheckpoint:
        return PackCheckpoint(
            self.job["checkpoints"],
            member["key"],
            dimension=1,
            keys=[member["key"]],
            device=f"{self.job['device']} {self.job['code']}",  # another code's state may mean something else
            seconds=self.job["checkpoint_seconds"],
        )

    def _run(self, member: dict[str, Any], checkpoint: PackCheckpoint, index: int, count: int) -> Run:
        share = 0.0

        def on_progress(now: float) -> None:
            nonlocal share
            share = now
            if time.monotonic() - self._said > SAY_SECONDS:
                self._said = time.monotonic()
                self.say(share=(index + now) / count if self.experiment.train_pack is None else now)

        def on_save(state: Callable[[], State]) -> None:
            def arrays() -> dict[str, np.ndarray]:
                given = {f"{STATE}{name}": np.asarray(value)[None] for name, value in state().items()}
                return given | {"step": np.array([round(SHARES * share)])}

            checkpoint.offer(arrays)

        def on_load() -> dict[str, np.ndarray] | None:
            found = checkpoint.load()
            return found and {name[len(STATE) :]: array[0] for name, array in found.items() if name.startswith(STATE)}

        return Run(member["place"], member["seed"], self.settings, on_progress, on_save, on_load)


def _traceback() -> str:
    return traceback.format_exc()[-MAX_TRACEBACK:]


def _end_with(stream: BinaryIO) -> None:
    """Ends this process and all that it started when the one that started it does, however that one ends."""
    stream.read()
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    pipe = int(sys.argv[1])
    os.set_inheritable(pipe, False)
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    try:
        trainer = Trainer(job, pipe)
    except Exception as error:
        reason = str(error) if isinstance(error, TrainableError) else f"{type(error).__name__}: {error}"
        os.write(pipe, json.dumps({"unusable": " ".join(reason.split())}).encode() + b"\n")
        return
    for batch in job["batches"]:
        trainer.train(batch)
    trainer.say(through=True)


if __name__ == "__main__":
    main()
