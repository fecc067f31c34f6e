"""Rows written at once are those that MLflow's client would have made."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from search.sweep import folder as folders
from search.tracking.sqlite_writer import MLFLOW
from search.tracking.tracker import Tracker
from tests.support.records import records, smoke

mlflow = pytest.importorskip("mlflow")

OF_NOW = ("creation_timestamp_ms", "last_updated_timestamp_ms")


@pytest.fixture
def trackers(tmp_path, monkeypatch):
    """(one that writes rows, one that calls the client), each with a store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    empty = tmp_path / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{empty}").search_experiments()
    made = []
    for name in ("rows", "calls"):
        folder = folders.create(tmp_path / name / "sweep")
        shutil.copy(empty, folder.mlflow_store)
        made.append(Tracker(smoke(), folder, "the-sweep"))
        made[-1].open_sweep({})
    assert made[0]._rows is not None
    made[1]._rows = None
    return made


def stored(tracker) -> dict[str, set[tuple]]:
    """Table -> its rows, with a name for every id that the store made up, and without the present time."""
    with closing(sqlite3.connect(tracker.folder.mlflow_store)) as store:
        store.row_factory = sqlite3.Row
        names = [row["name"] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = {name: [dict(row) for row in store.execute(f"SELECT * FROM [{name}]")] for name in names}
    known = {row["run_uuid"]: f"run {row['value']}" for row in tables["tags"] if row["key"] == "key"}
    known |= {
        row["model_id"]: f"model {row['tag_value']}" for row in tables["logged_model_tags"] if row["tag_key"] == "key"
    }
    known |= {row["dataset_uuid"]: f"dataset {row['name']}" for row in tables["datasets"]}
    known |= {tracker.parent: "the sweep", str(tracker.folder.path.parent): "place"}
    edges = ("source_id", "destination_id")
    ends = {row["input_uuid"]: " to ".join(known[row[end]] for end in edges) for row in tables["inputs"]}

    def shown(value):
        if isinstance(value, str):
            for made_up, name in (known | ends).items():
                value = value.replace(made_up, name)
        return value

    return {
        table: {
            tuple(sorted((name, shown(value)) for name, value in row.items() if name not in OF_NOW)) for row in rows
        }
        for table, rows in tables.items()
        if table != "experiments"
    }


def test_they_are_the_same(trackers):
    found = records(smoke())  # three that are done, one that failed
    odd = found[0].row | {"key": "odd", "faithfulness": float("nan"), "margin": float("-inf"), "seed": 77}
    for tracker in trackers:
        tracker.log(found)
        tracker.log([replace(found[0], row=odd)])
    rows, calls = map(stored, trackers)
    parents = {"runs", "tags", "params"}  # the sweep's own run is begun at another moment
    for table, expected in calls.items():
        begun = [row for row in expected if ("run_uuid", "the sweep") in row] if table in parents else []
        assert expected - set(begun) == {row for row in rows[table] if ("run_uuid", "the sweep") not in row}, table
    assert len(calls["runs"]) == 1 + len(found) + 1
    assert len(calls["logged_models"]) == len(found)
    for tracker in trackers:  # and what is read back
        run = tracker.client.get_run(tracker.children[found[0].row["key"]][0])
        assert run.data.metrics["relative_error"] == 0.25 and len(run.outputs.model_outputs) == 1
        assert {file.path for file in tracker.client.list_artifacts(run.info.run_id)} == {"drawing.svg", "network.npz"}


def test_all_of_a_run_or_nothing(trackers, monkeypatch):
    tracker, _ = trackers
    before = stored(tracker)
    monkeypatch.setattr("search.tracking.sqlite_writer._latest", lambda points: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tracker.log(records(smoke()))
    assert stored(tracker) == before


def test_the_version_is_the_one_that_we_install():
    assert mlflow.__version__ == MLFLOW


@pytest.mark.parametrize("reason", ["another version", "another database"])
def test_others_get_calls(trackers, monkeypatch, reason):
    tracker, _ = trackers
    if reason == "another version":
        monkeypatch.setattr("mlflow.__version__", "4.0.0")
    else:
        monkeypatch.setattr(tracker.client._tracking_client.store.engine.dialect, "name", "postgresql")
    assert type(tracker._rows).of(tracker.client, tracker.experiment) is None
