"""What is logged in one transaction is what MLflow's client logs call by call; a training is whole or absent."""

import contextlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from search.sweep import folder as folders
from search.tracking.one_transaction import one_transaction
from search.tracking.tracker import Tracker
from tests.support.records import records, smoke

mlflow = pytest.importorskip("mlflow")

OF_NOW = ("creation_timestamp_ms", "last_updated_timestamp_ms")


@pytest.fixture
def trackers(tmp_path, monkeypatch):
    """Two, each with a store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    empty = tmp_path / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{empty}").search_experiments()
    made = []
    for name in ("together", "call by call"):
        folder = folders.create(tmp_path / name / "sweep")
        shutil.copy(empty, folder.mlflow_store)
        made.append(Tracker(smoke(), folder, "the-sweep"))
        made[-1].open_sweep({})
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
    known |= {tracker.parent: "the sweep", tracker.folder.mlflow_artifacts.as_uri(): "place"}
    ends = {
        row["input_uuid"]: f"{known.get(row['source_id'])} to {known.get(row['destination_id'])}"
        for row in tables["inputs"]
    }

    def shown(value):
        if isinstance(value, str):
            for made_up, name in (known | ends).items():
                value = value.replace(made_up, name)
        return value

    rows = {
        table: {tuple(sorted((name, shown(value)) for name, value in row.items() if name not in OF_NOW)) for row in all}
        for table, all in tables.items()
        if table not in ("experiments", "workspaces")
    }
    of_sweep = ("run_uuid", "the sweep")  # its own run begins at another moment, in another folder
    return {table: {row for row in found if of_sweep not in row} for table, found in rows.items()}


def test_every_table_is_as_the_calls_alone_write_it(trackers, monkeypatch):
    found = records(smoke())  # three that are done, one that failed
    odd = found[0].row | {"key": "odd", "faithfulness": float("nan"), "margin": float("-inf"), "seed": 77}
    used = []
    for tracker in trackers:
        for record in [*found, replace(found[0], row=odd)]:
            tracker.log(record)
        used.append(stored(tracker))
        monkeypatch.setattr("search.tracking.tracker.one_transaction", lambda _: contextlib.nullcontext())
    together, apart = used
    assert together.keys() == apart.keys() and len(together["runs"]) == len(found) + 1
    for table, expected in apart.items():
        assert together[table] == expected, table
    run = trackers[0].client.get_run(trackers[0].children[found[0].row["key"]][0])  # and what is read back
    assert run.data.metrics["relative_error"] == 0.25 and len(run.outputs.model_outputs) == 1


def test_all_of_a_run_or_nothing(trackers, monkeypatch):
    tracker, _ = trackers
    before, [first, *_] = stored(tracker), records(smoke())
    with monkeypatch.context() as broken:
        broken.setattr(type(tracker.client), "set_terminated", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tracker.log(first)
    assert stored(tracker) == before and not tracker.children
    tracker.log(first)
    assert len(stored(tracker)["runs"]) == 1


def test_a_client_of_a_server_calls_as_ever():
    calls = []
    with one_transaction(mlflow.MlflowClient("http://127.0.0.1:9")):
        calls.append("within")
    with one_transaction(object()):
        calls.append("within")
    assert calls == ["within"] * 2
