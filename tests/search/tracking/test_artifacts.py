"""Artifacts of a local MLflow store go straight to their place."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.tracking.artifacts import artifacts

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def client(tmp_path):
    return mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


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
