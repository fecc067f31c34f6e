"""The driver: what is missing → packs → Ray Tune → ledger → tables → MLflow → report."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from analysis.formatting import printable, trainings
from search import objects
from search.config.schema import Config
from search.config.secrets import check_secrets
from search.driver.messages import log_traceback, say
from search.driver.report import write_report
from search.driver.retry import without_failed
from search.driver.signals import Terminated, exit_code, interruptible
from search.driver.train import check_storage, connected, fetch, train
from search.driver.trial import tried
from search.error_text import one_line
from search.ledger import ledger
from search.ledger.checkpoints import remove_all
from search.sweep import folder as folders
from search.sweep import manifest, tables
from search.sweep.experiment import experiment_of, objects_of
from search.sweep.folder import SweepFolder, command_line
from search.sweep.grid import expand
from search.sweep.point import Point
from search.sweep.state import State, read_state
from search.terminal.output import notes
from search.tracking.queue import TrackingQueue


@dataclass(frozen=True)
class Job:
    """What a run is to do."""

    verb: str  # the command that continues it
    points: Callable[[dict[str, dict]], list[Point]]  # ledger rows -> all trainings that it is about
    work: Callable[[State, TrackingQueue | None], list[str]]  # trains; one line for every pack that failed for good


def sweep(config: Config, path: Path, *, command: list[str], retry_failed: bool = False) -> int:
    """Does what the sweep in `path` lacks, then tables, MLflow and report. Returns the exit code.

    retry_failed: failed trainings count as missing.
    """
    check_secrets(config)
    check_storage(config)
    folder = folders.create(path)

    def work(state: State, tracking: TrackingQueue | None) -> list[str]:
        if retry_failed:
            state = without_failed(config, folder, state)
        if not state.missing:
            return []
        state = tried(config, folder, state)
        with connected(config, folder, state, tracking) as cluster:
            now = tried(config, folder, state, cluster)
            if tracking:
                tracking.put(row for key, row in now.rows.items() if key not in state.rows)
            return train(config, folder, cluster, now, tracking)

    return drive(config, folder, Job("resume", lambda rows: expand(config), work), command=command)


def drive(config: Config, folder: SweepFolder, job: Job, *, command: list[str]) -> int:
    """Does the job, then tables, MLflow and report; whatever happens, the ledger keeps what is done."""
    check_secrets(config)
    check_storage(config)
    with folders.locked(folder), interruptible() as signals:
        folders.write_config(folder, config)
        manifest.set_aside_damaged(folder)
        changed = objects.keep_copies(objects_of(config), folder)
        facts = manifest.begin(folder, config, command)
        for name in ("ledger", "checkpoints", folder.index.name):
            ledger.remove_leftovers(folder.path / name)
        ledger.clear_the_way(folder.ledger)
        fetch(config, folder)
        state = _read_whole_state(config, folder, job)
        for place in changed if state.known else []:
            say(f"{place} has changed since this sweep began: what was trained before may not fit what comes now")
        print(printable(_opening(state, folder)), file=notes(), flush=True)
        tracking = TrackingQueue(config, folder, facts, say) if config.mlflow.enabled else None
        problems: list[str] = []
        interrupt: KeyboardInterrupt | None = None
        try:
            problems = job.work(state, tracking)
            if tracking and not tracking.is_alive():
                tracking.put(state.known.values())
                tracking.start()
        except KeyboardInterrupt as caught:  # of Ray's own making, now and then, where a Terminated was raised
            interrupt = Terminated() if signal.SIGTERM in signals else caught
        except UserError as error:
            manifest.end(folder, facts, status="refused", reason=one_line(error))
            raise
        except Exception as error:
            log_traceback(folder)
            problems = [one_line(error)]
        del state  # of many trainings, most of the driver's memory; the tables are made of what the ledger has now
        try:
            return _conclude(config, folder, job, facts, tracking, problems, interrupt)
        except KeyboardInterrupt as again:
            # a second Ctrl-C, or one after the training: the ledger has everything
            say(f"stopped; `{command_line(job.verb, folder)}` continues")
            return exit_code(again)


def _read_whole_state(config: Config, folder: SweepFolder, job: Job) -> State:
    """What is done. Records without a place are set aside first, or they would stand in the way of new ones."""
    state = read_state(config, folder, job.points)
    for key in state.placeless:
        aside = ledger.set_aside(ledger.record_path(folder.ledger, key)).name
        say(f"a record that lacks its place on an axis is set aside as {aside}; its training will be done again")
    return read_state(config, folder, job.points) if state.placeless else state


def _conclude(
    config: Config,
    folder: SweepFolder,
    job: Job,
    facts: dict,
    tracking: TrackingQueue | None,
    problems: list[str],
    interrupt: KeyboardInterrupt | None,
) -> int:
    """Tables, MLflow, report, and the last lines. Returns the exit code."""
    shutil.rmtree(folder.tune, ignore_errors=True)
    if tracking:
        tracking.finish(abandon=interrupt is not None)
    collected = tables.collect(folder, experiment_of(config))
    rows = {row["key"]: row for row in collected.rows}
    state = State(job.points(rows), rows, annealed={row["key"]: row for row in collected.annealed})
    total, missing, counts, others = len(state.points), len(state.missing), state.counts, collected.others.total()
    failed, any_rows = counts["failed"], bool(rows)
    del collected, rows, state  # before the report, which has tables of its own
    if not missing:
        remove_all(folder.path / "checkpoints")
    manifest.end(
        folder,
        facts,
        status="interrupted" if interrupt else "incomplete" if missing else "complete",
        trainings=total - missing,
        missing=missing,
        failed=failed,
    )
    reported = True
    if not interrupt and any_rows:
        reported = write_report(folder, again=False)
    if tracking:
        tracking.close("KILLED" if interrupt else "FAILED" if missing else "FINISHED", dict(counts))
    if others:
        say(f"{trainings(others)} of another recipe in the ledger: left out of tables and report")
    if failed:
        say(f"{trainings(failed)} failed; `{command_line('status', folder)}` says why")
    if tracking and tracking.error and not interrupt:
        say(f"not all is in MLflow ({tracking.error}); `{command_line('sync', folder)}` logs what is missing")
    if interrupt:
        say(f"stopped with {total - missing} of {total} trainings done; "
             f"`{command_line(job.verb, folder)}` continues")  # fmt: skip
        return exit_code(interrupt)
    if missing:
        for problem in sorted(set(problems)):
            say(f"training failed: {problem}; see {folder.log}")
        say(f"{trainings(missing)} missing; `{command_line(job.verb, folder)}` continues")
    return 1 if missing or not reported else 0


def _opening(state: State, folder: SweepFolder) -> str:
    total, missing = len(state.points), len(state.missing)
    text = f"{folder.name}: {trainings(total)}"
    text += f", {total - missing} of them done before" if missing < total else ""
    others = state.others.total()
    return text + (f"; {trainings(others)} of another recipe in the ledger are ignored" if others else "")
