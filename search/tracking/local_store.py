"""The MLflow store in a sweep's own folder: its address, and its artifacts' addresses after the folder was moved."""

import contextlib
import os
import sqlite3
from pathlib import Path

from search.config.schema import Config
from search.sweep.folder import SweepFolder

# Where MLflow keeps absolute addresses of artifacts. It has no call that changes them.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def sqlite_uri(path: Path) -> str:
    """The address of an SQLite file, whatever characters its path has."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def store_uri(config: Config, folder: SweepFolder) -> str:
    """Where runs go: the config's server, MLFLOW_TRACKING_URI, or a file in the sweep's folder."""
    return given_uri(config) or sqlite_uri(folder.mlflow_store)


def given_uri(config: Config) -> str | None:
    """The server that was asked for; None: runs go to the sweep's own folder."""
    return config.mlflow.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None


def repoint(folder: SweepFolder) -> None:
    """Makes a store that came here with its folder find its artifacts here, and not where they were before."""
    here = folder.mlflow_artifacts.as_uri()
    if not folder.mlflow_store.is_file():
        return
    with contextlib.closing(sqlite3.connect(folder.mlflow_store, timeout=30)) as store, store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "experiments" not in tables:
            return
        locations = {location for (location,) in store.execute("SELECT artifact_location FROM experiments")}
        ours = (location for location in locations if location and Path(location).name == folder.mlflow_artifacts.name)
        for before in set(ours) - {here}:
            for table, column in ADDRESSES:
                if table in tables and column in _columns(store, table):
                    store.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                        (here, len(before) + 1, before, len(before) + 1, before + "/"),
                    )


def read_runs(folder: SweepFolder, experiment: str, sweep: str) -> list[tuple[str, str, str, str]]:
    """(run id, status, kind, key) of the sweep's runs in its own store, the newest first; text as in their tags.

    MLflow's client gives runs with all of their tags, params and metrics only: a millisecond each, and its memory.
    Raises sqlite3.Error for a store whose tables are not as expected: then ask the client.
    """
    with contextlib.closing(sqlite3.connect(folder.mlflow_store, timeout=30)) as store:
        return store.execute(
            "SELECT runs.run_uuid, runs.status, coalesce(kind.value, ''), coalesce(key.value, '') FROM runs "
            "JOIN tags AS sweep ON sweep.run_uuid = runs.run_uuid AND sweep.key = 'sweep' AND sweep.value = ? "
            "LEFT JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind' "
            "LEFT JOIN tags AS key ON key.run_uuid = runs.run_uuid AND key.key = 'key' "
            "WHERE runs.experiment_id = ? AND runs.lifecycle_stage = 'active' "
            "ORDER BY runs.start_time DESC, runs.run_uuid",
            (sweep, int(experiment)),
        ).fetchall()


def _columns(store: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in store.execute(f"PRAGMA table_info({table})")}
