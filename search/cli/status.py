"""`hyperphase status`: what is done, what failed and why, and the command that continues."""

import time
from collections import Counter
from dataclasses import dataclass, field

from analysis.algorithms.names import display_name
from analysis.formatting import duration, printable, trainings
from search.config.schema import Config, HypernetworkConfig
from search.ledger.checkpoints import unfinished
from search.sweep import manifest
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder, command_line, holder, location
from search.sweep.state import State, read_state


@dataclass(frozen=True)
class Begun:
    """A pack of trainings that has a checkpoint."""

    trainings: int
    dimension: int | None  # of hypernetworks; others say with steps what share is done
    step: int
    steps: int


@dataclass(frozen=True)
class Status:
    """How far a sweep is. others: trainings by how their recipe differs; seconds: of the present run, and left."""

    sweep: str
    folder: str
    trainings: int
    done: int
    failed: int
    missing: int
    beyond: int  # trainings with this recipe beyond the present grid
    algorithms: dict[str, int]
    reasons: dict[str, int]  # of failures
    others: dict[str, int]
    begun: list[Begun] = field(default_factory=list)
    process: str | None = None  # of the driver at work
    last_run: str | None = None  # how it ended; None: without a word
    elapsed_seconds: float | None = None
    left_seconds: float | None = None
    resume: str | None = None  # the command that continues
    retry: str | None = None  # … that tries failed ones again
    report: str | None = None
    verified: int | None = None  # records that were read and found whole, of whatever recipe

    def text(self) -> str:
        """Lines for the terminal."""
        lines = [
            f"{self.sweep}: {self.done} of {self.trainings} trainings done"
            + (f", {self.failed} of them failed" if self.failed else "")
        ]
        if self.verified is not None:
            lines.append(f"  {self.verified} records read and found whole")
        if self.algorithms:
            lines.append(
                "  " + " · ".join(f"{display_name(name)} {number}" for name, number in self.algorithms.items())
            )
        lines += [f"  failed: {number} × {reason}" for reason, number in self.reasons.items()]
        if self.beyond:
            lines.append(f"  {self.beyond} more trainings with this recipe lie beyond the present grid")
        if self.others:
            others = trainings(sum(self.others.values()))
            lines.append(f"  {others} of another recipe in the ledger, which are ignored:")
            lines += [f"    {number} × {how}" for how, number in self.others.items()]
        for pack in self.begun:
            where = f" at n = {pack.dimension}, kept at step {pack.step} of {pack.steps}"
            where = where if pack.dimension else f", kept at {pack.step / pack.steps:.0%}"
            lines.append(f"  begun: {trainings(pack.trainings)}{where}")
        if self.process:
            pace = "" if self.elapsed_seconds is None else f", for {duration(self.elapsed_seconds)}"
            pace += "" if self.left_seconds is None else f"; about {duration(self.left_seconds)} left"
            lines.append(f"  running: process {self.process}{pace}")
        elif self.missing:
            how = f"was {self.last_run}" if self.last_run else "ended without a word (killed?)"
            lines += [f"  not running; the last run {how}", f"  continue: {self.resume}"]
            lines += [f"  with those that failed: {self.retry}"] if self.retry else []
        else:
            lines += [f"  try those that failed again: {self.retry}"] if self.retry else []
            lines.append(f"  report: {self.report}")
        return "\n".join(map(printable, lines))


def status(config: Config, folder: SweepFolder) -> str:
    """Lines for the terminal."""
    return read_status(config, folder).text()


def read_status(config: Config, folder: SweepFolder, *, verify: bool = False) -> Status:
    """Reads the ledger, the checkpoints and the manifest. verify: every record anew, with all checks."""
    state, experiment = read_state(config, folder, verify=verify), experiment_of(config)
    of_hypernetworks = isinstance(config, HypernetworkConfig)
    counts, keys = state.counts, {point.key for point in state.points}
    failed, missing = counts.pop("failed", 0), len(state.missing)
    reasons = Counter(row["reason"] for key, row in state.rows.items() if key in keys and row["status"] == "failed")
    place, process = location(config, folder, "checkpoints"), holder(folder)
    last = (manifest.read(folder).get("runs") or [{}])[-1]
    elapsed, left = _pace(state, last) if process else (None, None)
    return Status(
        sweep=folder.name,
        folder=str(folder.path),
        trainings=len(state.points),
        done=len(state.points) - missing,
        failed=failed,
        missing=missing,
        beyond=len(state.rows.keys() - keys),
        algorithms=dict(counts.most_common()),
        reasons=dict(reasons.most_common()),
        others=dict(state.others.most_common()),
        begun=[
            Begun(len(pack.keys), pack.dimension if of_hypernetworks else None, pack.step, experiment.steps)
            for pack in (unfinished(place) if missing and "://" not in place else [])
        ],
        process=process,
        last_run=last.get("status"),
        elapsed_seconds=elapsed,
        left_seconds=left,
        resume=command_line("resume", folder) if missing else None,
        retry=f"{command_line('resume', folder)} --retry-failed" if failed else None,
        report=str(folder.report / "index.html") if not missing else None,
        verified=len(state.known) + state.others.total() if verify else None,
    )


def _pace(state: State, run: dict) -> tuple[float | None, float | None]:
    """How long the present run has gone on, and how long the rest takes if it goes on like that."""
    started = run.get("started_at")
    if not started:
        return None, None
    elapsed = max(time.time() - started, 0.0)
    since = sum(row.get("finished_at", 0) > started for row in state.rows.values())
    return elapsed, elapsed * len(state.missing) / since if since and state.missing else None
