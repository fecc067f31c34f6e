"""The driver: what is missing → packs → Ray Tune → ledger → tables → MLflow → report."""

import contextlib
import shlex
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import UserError
from search import checkpoints, collect, engine, ledger, manifest
from search import folder as folders
from search.background import LedgerWatch, TrackingQueue, one_line
from search.config import Config
from search.folder import SweepFolder
from search.grid import Pack, Point, expand, make_packs, pack_seconds
from search.progress import Progress


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends the sweep as Ctrl-C does."""


@dataclass(frozen=True)
class State:
    """How far a sweep is. points: its grid; rows: key -> ledger row, of every training with this recipe.

    others: trainings in the ledger by how their recipe differs from this one.
    """

    points: list[Point]
    rows: dict[str, dict]
    others: Counter = field(default_factory=Counter)

    @property
    def missing(self) -> list[Point]:
        return [point for point in self.points if point.key not in self.rows]

    @property
    def counts(self) -> Counter:
        """Trainings of the grid per algorithm, and "failed"."""
        keys = {point.key for point in self.points}
        rows = [row for key, row in self.rows.items() if key in keys]
        return Counter(row["algorithm"] if row["status"] == "done" else "failed" for row in rows)


def read_state(config: Config, folder: SweepFolder, points: Callable[[dict], list[Point]] | None = None) -> State:
    """Reads the ledger, every record checked. points: of the rows, what is asked for; the grid by default."""
    rows: dict[str, dict] = {}
    others: Counter = Counter()
    recipe = config.training.recipe()

    def visit(record: ledger.Record) -> None:
        if collect.is_of(record.row, recipe):
            rows[record.row["key"]] = record.row
        else:
            others[collect.difference(record.row, recipe)] += 1

    ledger.done(folder.ledger, visit)
    return State(points(rows) if points else expand(config), rows, others)


@dataclass(frozen=True)
class Job:
    """What a run is to do."""

    verb: str  # the command that continues it
    points: Callable[[dict[str, dict]], list[Point]]  # ledger rows -> all trainings that it is about
    work: Callable[[State, TrackingQueue | None], list[str]]  # trains; one line for every pack that failed for good


def fetch(config: Config, folder: SweepFolder) -> None:
    """Copies what workers have left on a storage elsewhere into the sweep's folder. UserError if it is out of reach."""
    if config.ray.storage:
        try:
            ledger.copy(engine.place(config, folder, "ledger"), folder.ledger)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"storage {config.ray.storage}: {one_line(error)}") from error


def sweep(config: Config, path: Path, *, command: list[str]) -> int:
    """Does what the sweep in `path` lacks, then tables, MLflow and report. Returns the exit code."""
    folder = folders.create(path)

    def work(state: State, tracking: TrackingQueue | None) -> list[str]:
        if not state.missing:
            return []
        with connected(config, folder, state, tracking) as cluster:
            return train(config, folder, cluster, state, tracking)

    return drive(config, folder, Job("resume", lambda rows: expand(config), work), command=command)


def drive(config: Config, folder: SweepFolder, job: Job, *, command: list[str]) -> int:
    """Does the job, then tables, MLflow and report; whatever happens, the ledger keeps what is done."""
    check_secrets(config)
    with folders.locked(folder), _interruptible() as signals:
        folders.write_config(folder, config)
        facts = manifest.begin(folder, config, command)
        for name in ("ledger", "checkpoints"):
            ledger.sweep_up(folder.path / name)
        fetch(config, folder)
        state = read_state(config, folder, job.points)
        _say(_opening(state, folder))
        tracking = TrackingQueue(config, folder, facts, _say) if config.mlflow.enabled else None
        problems: list[str] = []
        interrupt: KeyboardInterrupt | None = None
        try:
            problems = job.work(state, tracking)
            if tracking and not tracking.is_alive():
                tracking.put(sorted(state.rows))
                tracking.start()
        except KeyboardInterrupt as caught:  # of Ray's own making, now and then, where a Terminated was raised
            interrupt = Terminated() if signal.SIGTERM in signals else caught
        except UserError as error:
            manifest.end(folder, facts, status="refused", reason=one_line(error))
            raise
        except Exception as error:
            log_traceback(folder)
            problems = [one_line(error)]
        try:
            return _conclude(config, folder, job, facts, tracking, problems, interrupt)
        except KeyboardInterrupt as again:
            # a second Ctrl-C, or one after the training: the ledger has everything
            _say(f"stopped; `{command_line(job.verb, folder)}` continues")
            return _exit_code(again)


def write_report(folder: SweepFolder) -> bool:
    """The report and, on stdout, the summary. False, with one line on stderr, if they cannot be made."""
    try:
        import pandas as pd

        from analysis.report import write_report as write
        from analysis.summary import summary
        from analysis.table import load_sweep

        write(folder.path)
        boundaries = folder.report / "boundaries.csv"
        print(summary(load_sweep(folder.path), pd.read_csv(boundaries) if boundaries.is_file() else None))
        return True
    except Exception as error:
        if not isinstance(error, UserError):
            log_traceback(folder)
        _say(f"no report: {one_line(error)} (`{command_line('report', folder)}` tries again)")
        return False


def trainings(number: int) -> str:
    return f"{number} training{'' if number == 1 else 's'}"


def check_secrets(config: Config) -> None:
    """The config is copied into the sweep's folder, so it must not hold passwords."""
    uri, place = config.mlflow.tracking_uri or "", config.ray.storage or ""
    if manifest.mask(uri) != uri:
        raise UserError(
            "mlflow.tracking_uri holds a password: give the address by the variable MLFLOW_TRACKING_URI instead"
        )
    if manifest.mask(place) != place:
        raise UserError("ray.storage holds a password: give it by the store's own variables instead")


def command_line(command: str, folder: SweepFolder) -> str:
    """The command as one would type it here."""
    with contextlib.suppress(ValueError):
        return f"hyperphase {command} {shlex.quote(str(folder.path.relative_to(Path.cwd())))}"
    return f"hyperphase {command} {shlex.quote(str(folder.path))}"


@contextlib.contextmanager
def connected(config: Config, folder: SweepFolder, state: State, tracking: TrackingQueue | None):
    """Ray, and MLflow at work beside it."""
    with engine.connected(config, folder) as cluster:
        if tracking:
            tracking.put(sorted(state.rows))  # an earlier driver may have died before it logged them
            tracking.start()
        yield cluster


def train(
    config: Config, folder: SweepFolder, cluster: engine.Cluster, state: State, tracking: TrackingQueue | None
) -> list[str]:
    """Trains what is missing; returns one line for every pack that failed for good."""
    recipe = config.training.recipe()
    packs = _plan(config, folder, state.missing, cluster)
    progress = Progress(total=len(state.points), done=state.counts, pack_seconds=[pack.seconds for pack in packs])

    def on_record(record: ledger.Record) -> None:
        progress.add(record.row)
        collect.save_network(folder, record)
        if tracking:
            tracking.put([record.row["key"]])

    wanted = {point.key for point in state.missing}
    watch = LedgerWatch(folder, engine.place(config, folder, "ledger"), wanted, on_record)
    try:
        progress.start()
        watch.start()
        return engine.run_packs(
            config,
            folder,
            cluster,
            packs,
            lambda index, step: progress.pack_step(index, step / recipe.steps),
        )
    finally:
        watch.finish()
        progress.show(last=True)


def _plan(config: Config, folder: SweepFolder, missing: list[Point], cluster: engine.Cluster) -> list[Pack]:
    """Packs that a killed run left unfinished, as they were; then new ones of the rest."""
    recipe, points = config.training.recipe(), {point.key: point for point in missing}
    begun = []
    for held in checkpoints.held(engine.place(config, folder, "checkpoints"), points.keys()):
        members = tuple(points.pop(key) for key in held.keys if key in points)
        if members:
            left = 1 - held.step / recipe.steps
            seconds = left * pack_seconds(recipe, held.dimension, len(members))
            begun.append(Pack(held.dimension, members, seconds, checkpoint=held.name))
    new = make_packs(
        points.values(),
        recipe,
        workers=cluster.workers,
        pack_size=config.ray.pack_size,
        device=cluster.device,
    )
    return begun + new


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
    collected = collect.collect(folder, config.training.recipe())
    rows = {row["key"]: row for row in collected.rows}
    state = State(job.points(rows), rows)
    missing, failed = len(state.missing), state.counts["failed"]
    if not missing:
        shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)
    manifest.end(
        folder,
        facts,
        status="interrupted" if interrupt else "incomplete" if missing else "complete",
        trainings=len(state.points) - missing,
        missing=missing,
        failed=failed,
    )
    reported = True
    if not interrupt and state.rows:
        reported = write_report(folder)
    if tracking:
        tracking.close("KILLED" if interrupt else "FAILED" if missing else "FINISHED", dict(state.counts))
    if collected.others:
        _say(f"{trainings(collected.others.total())} of another recipe in the ledger: left out of tables and report")
    if failed:
        _say(f"{trainings(failed)} failed; `{command_line('status', folder)}` says why")
    if tracking and tracking.error and not interrupt:
        _say(f"not all is in MLflow ({tracking.error}); `{command_line('sync', folder)}` logs what is missing")
    if interrupt:
        _say(f"stopped with {len(state.points) - missing} of {len(state.points)} trainings done; "
             f"`{command_line(job.verb, folder)}` continues")  # fmt: skip
        return _exit_code(interrupt)
    if missing:
        for problem in sorted(set(problems)):
            _say(f"training failed: {problem}; see {folder.log}")
        _say(f"{trainings(missing)} missing; `{command_line(job.verb, folder)}` continues")
    return 1 if missing or not reported else 0


def _exit_code(interrupt: KeyboardInterrupt) -> int:
    return 143 if isinstance(interrupt, Terminated) else 130


def _opening(state: State, folder: SweepFolder) -> str:
    total, missing = len(state.points), len(state.missing)
    text = f"{folder.name}: {trainings(total)}"
    text += f", {total - missing} of them done before" if missing < total else ""
    others = state.others.total()
    return text + (f"; {trainings(others)} of another recipe in the ledger count for nothing here" if others else "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def log_traceback(folder: SweepFolder) -> None:
    import traceback

    with contextlib.suppress(OSError), open(folder.log, "a", encoding="utf-8") as file:
        traceback.print_exc(file=file)


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
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
