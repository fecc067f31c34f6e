"""A sweep's folder is moved or copied: its MLflow store works there, and the old place is left alone."""

import shutil
from pathlib import Path

import mlflow
import pytest

from search.cli import main
from search.tracking.local_store import repoint, sqlite_uri, store_uri
from tests.support.records import smoke
from tests.support.small_sweep import train_here

ODD = ["plain", "a%20b", "what?x=1", "hash#1", "it's", "größe 3"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A tiny sweep, trained and logged."""
    config = smoke("mlflow.drawings=false", "grid.seeds=1", "grid.betas=[1e-3]")
    folder = train_here(config, tmp_path_factory.mktemp("first") / "it's 50% of what?")
    assert main.main(["sync", str(folder.path)]) == 0
    return folder


def test_a_moved_sweep_is_whole_and_touches_nothing_else(sweep, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(sweep.path, old)
    assert main.main(["sync", str(old), "--set", "mlflow.drawings=false"]) == 0
    shutil.copytree(old, new)
    before = {path: path.stat().st_mtime_ns for path in old.rglob("*")}
    assert main.main(["sync", str(new)]) == 0  # its parent run gets the manifest again
    assert {path: path.stat().st_mtime_ns for path in old.rglob("*")} == before
    shutil.rmtree(old)
    client = mlflow.MlflowClient(sqlite_uri(new / "mlflow.db"))
    [experiment] = [one for one in client.search_experiments() if one.name == "hyperphase"]
    assert experiment.artifact_location == (new / "mlartifacts").as_uri()
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2 and all(run.info.artifact_uri.startswith((new / "mlartifacts").as_uri()) for run in runs)
    parent = next(run for run in runs if run.data.tags["kind"] == "sweep")
    assert parent.data.tags["folder"] == str(new)
    assert Path(client.download_artifacts(parent.info.run_id, "manifest.json")).is_file()
    [model] = client.search_logged_models([experiment.experiment_id])
    loaded = mlflow.pyfunc.load_model(model.artifact_location)
    assert len(loaded.predict({"dimension": [4]})["hidden_weight"][0]) == 12
    repoint(type(sweep)(new))  # again: nothing to do
    assert client.get_run(parent.info.run_id).info.artifact_uri == parent.info.artifact_uri


@pytest.mark.parametrize("name", ODD)
def test_a_store_lies_in_its_own_folder_whatever_its_name(name, tmp_path, monkeypatch):
    from optuna import create_study

    from search.sweep import folder as folders

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = folders.create(tmp_path / name)
    assert "sqlite" in store_uri(smoke(), folder)
    create_study(storage=sqlite_uri(folder.path / "refine.db"))
    assert (folder.path / "refine.db").is_file() and [path.name for path in tmp_path.iterdir()] == [name]
