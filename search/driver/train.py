"""Training what is missing: packs, Ray, the ledger, the tables."""

import contextlib

from analysis.errors import UserError
from search.cluster import session
from search.cluster.tune import run_packs
from search.config.schema import Config
from search.driver.ledger_watch import LedgerWatch
from search.error_text import one_line
from search.ledger import checkpoints, ledger, storage
from search.ledger.record import Record
from search.sweep import tables
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder, location
from search.sweep.packs import Pack
from search.sweep.point import Point
from search.sweep.state import State
from search.terminal.progress import Progress
from search.tracking.queue import TrackingQueue


def fetch(config: Config, folder: SweepFolder) -> None:
    """Copies what workers have left on a storage elsewhere into the sweep's folder. UserError if it is out of reach."""
    if config.ray.storage:
        with _in_reach(config):
            ledger.copy(location(config, folder, "ledger"), folder.ledger)


def check_storage(config: Config) -> None:
    """UserError if the storage for workers' results is out of reach, or holds other things than ours."""
    if config.ray.storage:
        with _in_reach(config):
            storage.check_free(config.ray.storage)


@contextlib.contextmanager
def _in_reach(config: Config):
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"storage {config.ray.storage}: {one_line(error)}") from error


@contextlib.contextmanager
def connected(config: Config, folder: SweepFolder, state: State, tracking: TrackingQueue | None):
    """Ray, and MLflow at work beside it."""
    with session.connected(config, folder) as cluster:
        if tracking:
            tracking.put(state.known.values())  # an earlier driver may have died before it logged them
            tracking.start()
        yield cluster


def train(
    config: Config, folder: SweepFolder, cluster: session.Cluster, state: State, tracking: TrackingQueue | None
) -> list[str]:
    """Trains what is missing; returns one line for every pack that failed for good."""
    packs = _plan(config, folder, state.missing, cluster)
    progress = Progress(total=len(state.points), done=state.counts, pack_seconds=[pack.seconds for pack in packs])

    def on_record(record: Record) -> None:
        progress.add(record.row)
        tables.save_files(folder, record)
        if tracking:
            tracking.put([record.row])

    wanted = {point.key for point in state.missing}
    watch = LedgerWatch(folder, location(config, folder, "ledger"), wanted, on_record)
    try:
        progress.start()
        watch.start()
        return run_packs(
            config,
            folder,
            cluster,
            packs,
            progress.pack_step,
        )
    finally:
        watch.finish()
        progress.show(last=True)


def _plan(config: Config, folder: SweepFolder, missing: list[Point], cluster: session.Cluster) -> list[Pack]:
    keys = {point.key for point in missing}
    return experiment_of(config).plan(
        missing,
        checkpoints.resumable(location(config, folder, "checkpoints"), keys),
        workers=cluster.workers,
        pack_size=config.ray.pack_size,
        device=cluster.device,
    )
