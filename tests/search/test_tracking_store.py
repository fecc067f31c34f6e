"""Short cuts to a local MLflow store: all or nothing, and files straight to their place."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.tracking_store import artifacts, one_transaction

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def client(tmp_path):
    return mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def names(client) -> set[str]:
    return {run.info.run_name for run in client.search_runs(["0"])}


def test_a_transaction_is_there_whole_or_not_at_all(client):
    with one_transaction(client):
        run = client.create_run("0", run_name="whole").info.run_id
        client.log_param(run, "a", 1)
        client.log_metric(run, "b", 2.0)
        client.set_terminated(run)
    with pytest.raises(RuntimeError, match="power"), one_transaction(client):
        client.log_param(client.create_run("0", run_name="torn").info.run_id, "a", 1)
        raise RuntimeError("power")
    assert names(client) == {"whole"}
    found = client.get_run(run)
    assert (found.data.params, found.data.metrics, found.info.status) == ({"a": "1"}, {"b": 2.0}, "FINISHED")
    client.create_run("0", run_name="after")  # the store works as usual again
    assert names(client) == {"whole", "after"}


def test_a_refused_call_undoes_the_transaction(client):
    with pytest.raises(mlflow.MlflowException), one_transaction(client):
        client.create_run("0", run_name="torn")
        client.get_run("no such run")
    assert names(client) == set()


def test_local_artifacts_are_written_in_place(client):
    run = client.create_run("0").info
    with artifacts(client, run.artifact_uri) as folder:
        (folder / "note.txt").write_text("x")
    assert [file.path for file in client.list_artifacts(run.run_id)] == ["note.txt"]


def test_other_artifacts_are_sent(client, monkeypatch):
    sent = []

    def repository(uri, tracking_uri):
        assert uri == "s3://bucket/run"
        return SimpleNamespace(
            log_artifacts=lambda folder: sent.extend(path.read_text() for path in Path(folder).rglob("*.txt"))
        )

    monkeypatch.setattr("mlflow.store.artifact.artifact_repository_registry.get_artifact_repository", repository)
    with artifacts(client, "s3://bucket/run") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
    assert sorted(sent) == ["a", "b"]
