"""Runs of trainings as rows of MLflow's tables, in one transaction: for an SQLite store on this machine.

The client's calls look up again and again what they wrote a moment ago; the rows alone take a tenth of the time, and
are the same (tests/search/test_tracking_rows.py). A server, another database, or another version of MLflow than the
one whose tables these are gets the calls.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from search.tracking.run_content import TrainingRun

MLFLOW = "3.17.2"  # whose tables these are
LARGEST = 1.7976931348623157e308  # stands for infinity, which SQL lacks
DATASET_TAGS = {"mlflow.data.context": "training"}
READY = 2  # of a model: LoggedModelStatus


@dataclass(frozen=True)
class Entry:
    """A run to be inserted. tags: all that it has; model_id: of its hypernetwork's model, None without one."""

    run: TrainingRun
    run_id: str
    tags: dict[str, str]
    model_id: str | None


class Rows:
    """Writes runs into one experiment of a store."""

    def __init__(self, engine, experiment: str, location: str):
        """engine: of SQLAlchemy; location: of the experiment's artifacts."""
        self._engine, self._experiment, self._location = engine, int(experiment), location
        self._datasets: dict[tuple[str, str], str] = {}  # (name, digest) -> id, of those that are there

    @classmethod
    def of(cls, client, experiment: str) -> "Rows | None":
        """None if the client's store takes calls only."""
        import mlflow

        engine = getattr(client._tracking_client.store, "engine", None)
        if engine is None or engine.dialect.name != "sqlite" or mlflow.__version__ != MLFLOW:
            return None
        return cls(engine, experiment, client.get_experiment(experiment).artifact_location)

    def new_run(self) -> tuple[str, str]:
        """Its id and the address of its artifacts."""
        run_id = uuid.uuid4().hex
        return run_id, self._run_uri(run_id)

    def new_model(self) -> tuple[str, str]:
        model_id = f"m-{uuid.uuid4().hex}"
        return model_id, self._model_uri(model_id)

    def insert(self, entries: Sequence[Entry]) -> None:
        """The runs are there, ended, with all that belongs to them; after an exception nothing is."""
        from mlflow.store.tracking.dbmodels import models as tables

        with self._engine.begin() as connection:
            # what MLflow sets at the beginning of each of its own sessions
            for setting in ("foreign_keys = ON", "busy_timeout = 20000", "case_sensitive_like = true"):
                connection.exec_driver_sql(f"PRAGMA {setting}")
            known, rows = self._with_datasets(connection, tables.SqlDataset, entries), defaultdict(list)
            for entry in entries:
                for table, of_entry in self._rows(tables, entry, known).items():
                    rows[table] += of_entry
            for table, of_all in rows.items():
                connection.execute(table.__table__.insert(), of_all)
        self._datasets = known

    def _rows(self, tables, entry: Entry, datasets: dict[tuple[str, str], str]) -> dict[type, list[dict]]:
        """A run's rows by table: what others refer to comes first."""
        run, run_id, model_id = entry.run, entry.run_id, entry.model_id
        points = [_point(metric) | {"run_uuid": run_id} for metric in run.metrics]
        seen = _edge("DATASET", datasets[run.dataset.name, run.dataset.digest], "RUN", run_id)
        rows = {
            tables.SqlRun: [self._run(run, run_id)],
            tables.SqlTag: _named(entry.tags | {"mlflow.runName": run.name}, run_uuid=run_id),
            tables.SqlParam: _named(run.params, run_uuid=run_id),
            tables.SqlMetric: points,
            tables.SqlLatestMetric: _latest(points),
            tables.SqlInput: [seen],
            tables.SqlInputTag: _named(DATASET_TAGS, "name", input_uuid=seen["input_uuid"]),
        }
        if model_id:
            of_model = {"model_id": model_id, "experiment_id": self._experiment}
            rows[tables.SqlLoggedModel] = [of_model | self._model(run.model.name, model_id, run_id)]
            rows[tables.SqlLoggedModelParam] = _named(run.model.params, "param_key", "param_value", **of_model)
            rows[tables.SqlLoggedModelTag] = _named(run.model.tags, "tag_key", "tag_value", **of_model)
            rows[tables.SqlInput].append(_edge("RUN_OUTPUT", run_id, "MODEL_OUTPUT", model_id, run.steps))
        return {table: of_table for table, of_table in rows.items() if of_table}

    def _run_uri(self, run_id: str) -> str:
        return self._uri(run_id, "artifacts")

    def _model_uri(self, model_id: str) -> str:
        return self._uri("models", model_id, "artifacts")

    def _uri(self, *parts: str) -> str:
        from mlflow.utils.uri import append_to_uri_path

        return append_to_uri_path(self._location, *parts)

    def _run(self, run: TrainingRun, run_id: str) -> dict:
        return {
            "run_uuid": run_id,
            "name": run.name,
            "experiment_id": self._experiment,
            "status": "FINISHED" if run.done else "FAILED",
            "start_time": run.start,
            "end_time": run.end,
            "artifact_uri": self._run_uri(run_id),
            "lifecycle_stage": "active",
            "user_id": "unknown",
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "source_version": "",
        }

    def _model(self, name: str, model_id: str, run_id: str) -> dict:
        now = int(time.time() * 1000)
        return {
            "name": name,
            "artifact_location": self._model_uri(model_id),
            "creation_timestamp_ms": now,
            "last_updated_timestamp_ms": now,
            "status": READY,
            "lifecycle_stage": "active",
            "source_run_id": run_id,
        }

    def _with_datasets(self, connection, table: type, entries: Sequence[Entry]) -> dict[tuple[str, str], str]:
        """(name, digest) -> id of the experiment's datasets, those of the entries among them."""
        known, columns = dict(self._datasets), table.__table__.c
        for dataset in (entry.run.dataset for entry in entries):
            if (name := (dataset.name, dataset.digest)) in known:
                continue
            wanted = (columns.experiment_id == self._experiment, columns.name == name[0], columns.digest == name[1])
            there = connection.execute(table.__table__.select().where(*wanted)).mappings().first()
            known[name] = there["dataset_uuid"] if there else uuid.uuid4().hex
            if not there:
                connection.execute(table.__table__.insert(), {
                    "dataset_uuid": known[name],
                    "experiment_id": self._experiment,
                    "name": dataset.name,
                    "digest": dataset.digest,
                    "dataset_source_type": dataset.source_type,
                    "dataset_source": dataset.source,
                    "dataset_schema": dataset.schema,
                    "dataset_profile": dataset.profile,
                })  # fmt: skip
        return known


def _named(values: dict[str, str], key: str = "key", value: str = "value", **same) -> list[dict]:
    """A row for every name and its value."""
    return [{key: name, value: text, **same} for name, text in values.items()]


def _point(metric) -> dict:
    is_nan = metric.value != metric.value
    value = 0.0 if is_nan else min(max(metric.value, -LARGEST), LARGEST)
    return {"key": metric.key, "value": value, "timestamp": metric.timestamp, "step": metric.step, "is_nan": is_nan}


def _latest(points: list[dict]) -> list[dict]:
    """Of every metric the point that MLflow calls its latest."""
    ordered = sorted(points, key=lambda point: (point["step"], point["timestamp"], point["value"]))
    return list({point["key"]: point for point in ordered}.values())


def _edge(source: str, source_id: str, destination: str, destination_id: str, step: int = 0) -> dict:
    """From a dataset to the run that saw it, or from a run to the model that it made."""
    return {
        "input_uuid": uuid.uuid4().hex,
        "source_type": source,
        "source_id": source_id,
        "destination_type": destination,
        "destination_id": destination_id,
        "step": step,
    }
