"""MLflow: every training once, whatever happened before; a store that is down stops nothing."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from analysis.files import replace_text
from analysis.network import Network
from search.driver.sync import sync
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.grid import expand
from search.tracking.queue import TrackingQueue
from search.tracking.tracker import Tracker, store_uri
from tests.support.records import record_of, records, smoke

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store with its schema: making one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def swept(tmp_path, empty_store, monkeypatch):
    """A sweep's folder whose ledger is full and whose MLflow is empty: (config, folder, records)."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config, folder = smoke("mlflow.drawings=false"), folders.create(tmp_path / "my sweep")
    found = records(config)
    for record in found:
        ledger.write(folder.ledger, record)
    shutil.copy(empty_store, folder.mlflow_store)
    replace_text(folder.manifest, '{"sweep": "my-sweep-1"}')
    return config, folder, found


def all_runs(config, folder):
    client = mlflow.MlflowClient(store_uri(config, folder))
    experiment = client.get_experiment_by_name("hyperphase")
    return client, client.search_runs([experiment.experiment_id], max_results=1000)


def log_all(config, folder, found):
    tracker = Tracker(config, folder, "my-sweep-1")
    tracker.open_sweep({})
    for record in found:
        tracker.log(record)
    tracker.close_sweep("FINISHED", {"convexity": 1})
    return tracker


def test_a_parent_and_a_child_for_every_training(swept):
    config, folder, found = swept
    log_all(config, folder, found)
    client, runs = all_runs(config, folder)
    [parent] = [run for run in runs if run.data.tags["kind"] == "sweep"]
    children = {run.data.tags["key"]: run for run in runs if run.data.tags["kind"] == "training"}
    assert len(runs) == 1 + len(found) and parent.info.status == "FINISHED"
    assert parent.data.metrics == {"convexity": 1.0} and parent.data.params["steps"] == "20"

    first = found[0]
    child = children[first.row["key"]]
    assert child.info.status == "FINISHED" and child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    tags = {name: child.data.tags[name] for name in ("algorithm", "dimension", "beta", "sweep")}
    assert tags == {"algorithm": "constant", "dimension": "3", "beta": "1", "sweep": "my-sweep-1"}
    assert child.data.params["beta"] == "1.0" and child.data.params["hidden"] == "9"
    curve = client.get_metric_history(child.info.run_id, "relative_error")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (10, 0.1), (20, 0.25)]
    assert child.data.metrics["faithfulness"] == 0.9
    assert child.info.end_time - child.info.start_time == 1500
    [artifact] = client.list_artifacts(child.info.run_id)
    assert artifact.path == "network.npz" and str(folder.path) in child.info.artifact_uri.replace("%20", " ")

    assert "faithfulness 0.900" in child.data.tags["mlflow.note.content"]
    [seen] = parent.inputs.dataset_inputs
    assert (seen.dataset.name, seen.tags[0].value) == ("l1_norm n=3", "training")
    assert "| `tags.algorithm = 'convexity'` |" in parent.data.tags["mlflow.note.content"]

    failed = children[found[-1].row["key"]]
    assert failed.info.status == "FAILED" and "step 7" in failed.data.tags["reason"]


def test_logging_again_adds_nothing(swept):
    config, folder, found = swept
    log_all(config, folder, found)
    before = {run.info.run_id for run in all_runs(config, folder)[1]}
    tracker = log_all(config, folder, found)
    assert all(tracker.is_logged(r.row["key"], done=r.row["status"] == "done") for r in found)
    assert {run.info.run_id for run in all_runs(config, folder)[1]} == before


def test_a_failed_run_gives_way_to_the_one_that_was_tried_again(swept):
    config, folder, found = swept
    log_all(config, folder, found)
    [failed] = [record for record in found if record.row["status"] == "failed"]
    again = record_of(expand(config)[-1], config)
    assert again.row["key"] == failed.row["key"]
    tracker = Tracker(config, folder, "my-sweep-1")
    assert tracker.is_logged(again.row["key"], done=False) and not tracker.is_logged(again.row["key"])
    tracker.log(again)
    runs = all_runs(config, folder)[1]
    assert len(runs) == 1 + len(found) and "FAILED" not in {run.info.status for run in runs}


def test_runs_that_a_killed_driver_left_are_mended(swept):
    config, folder, found = swept
    tracker = Tracker(config, folder, "my-sweep-1")
    tracker.open_sweep({})
    tracker.log(found[0])
    stuck = tracker._create("stuck", {"kind": "training", "key": found[1].row["key"]}, None).run_id
    for _ in range(2):  # replies that got lost: the run is there, nobody knows
        tracker._create("again", {"kind": "training", "key": found[0].row["key"]}, None)
    client, runs = all_runs(config, folder)
    assert [run.info.status for run in runs].count("RUNNING") == 4  # with the parent

    begun = client.create_logged_model(tracker.experiment, name="hypernetwork", source_run_id=stuck).model_id
    log_all(config, folder, found)
    client, runs = all_runs(config, folder)
    models = client.search_logged_models([tracker.experiment])
    assert begun not in {model.model_id for model in models} and len(models) == len(found) - 1  # one failed
    assert len(runs) == 1 + len(found) and "RUNNING" not in {run.info.status for run in runs}
    assert client.get_run(stuck).info.status == "FINISHED"


def test_two_sweeps_share_a_store(swept):
    config, folder, found = swept
    log_all(config, folder, found)
    other = Tracker(config, folder, "another-sweep")
    assert other.parent is None and not other.children


def test_the_short_list_of_runs_is_that_of_the_client(swept, monkeypatch):
    config, folder, found = swept
    tracker = log_all(config, folder, found)
    tracker._create("begun", {"kind": "training", "key": "begun"}, None)
    deleted = tracker._create("deleted", {"kind": "training", "key": "deleted"}, None)
    tracker.client.delete_run(deleted.run_id)
    Tracker(config, folder, "my-sweep-2").open_sweep({})  # another sweep in the same store
    short = Tracker(config, folder, "my-sweep-1")
    monkeypatch.setattr("search.tracking.tracker.read_runs", lambda *_: (_ for _ in ()).throw(sqlite3.Error("other")))
    by_client = Tracker(config, folder, "my-sweep-1")
    assert (short.parent, short.children) == (by_client.parent, by_client.children)
    assert short.children.keys() == {"begun", *(record.row["key"] for record in found)}
    assert not short.is_logged("begun") and short.is_logged(found[0].row["key"])


def test_of_many_trainings_a_sample_has_models_and_drawings(swept):
    _, folder, found = swept
    config = smoke("mlflow.detailed=1")
    drain(TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, lambda text: None), [record.row for record in found])
    client, runs = all_runs(config, folder)
    children = [run for run in runs if run.data.tags["kind"] == "training"]
    with_files = {run.data.tags["key"] for run in children if client.list_artifacts(run.info.run_id)}
    assert with_files == {record.row["key"] for record in found[:-1]}  # one of every label at every place, failures not
    models = client.search_logged_models([runs[0].info.experiment_id])
    assert {model.tags["key"] for model in models} == with_files

    none = smoke("mlflow.detailed=0", 'mlflow.experiment="bare"')
    drain(TrackingQueue(none, folder, {"sweep": "my-sweep-1"}, lambda text: None), [record.row for record in found])
    experiment = client.get_experiment_by_name("bare").experiment_id
    bare = [run for run in client.search_runs([experiment]) if run.data.tags["kind"] == "training"]
    assert len(bare) == len(found) and not any(client.list_artifacts(run.info.run_id) for run in bare)
    assert not any("![drawing]" in run.data.tags["mlflow.note.content"] for run in bare)
    assert not client.search_logged_models([experiment])


def test_a_hypernetwork_is_on_the_disk_once(swept):
    config, folder, found = swept
    log_all(config, folder, found)
    weights = list(folder.mlflow_artifacts.rglob("artifacts/hypernetwork.npz"))
    records_of = {path.stat().st_ino for path in folder.ledger.glob("*.npz")}
    assert len(weights) == len(found) - 1 and {path.stat().st_ino for path in weights} <= records_of


def drain(queue, rows):
    queue.put(rows)
    queue.start()
    queue.finish()
    queue.close("FINISHED", {})
    assert not queue.is_alive()


def test_the_queue_logs_everything_and_then_nothing(swept):
    config, folder, found = swept
    rows = [record.row for record in found]
    for expected in (len(found), 0):
        said = []
        queue = TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, said.append)
        drain(queue, rows)
        assert (queue.logged, queue.waiting, queue.error) == (expected, 0, None)
        assert not any("hyperphase sync" in line for line in said)  # on a slow machine it may say how much is left


def test_a_store_that_is_down_costs_one_warning(swept, monkeypatch):
    config, folder, found = swept
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        down = smoke(f'mlflow.tracking_uri="{address}"')
        said = []
        queue = TrackingQueue(down, folder, {"sweep": "my-sweep-1"}, said.append)
        with monkeypatch.context() as patched:  # our own question comes first: MLflow's retries take minutes
            patched.setattr("search.tracking.queue.Tracker", lambda *_: pytest.fail("MLflow was asked"))
            drain(queue, [record.row for record in found])
        [warning] = said
        assert "\n" not in warning and "hyperphase sync" in warning
        assert queue.error and queue.waiting == len(found)
        with pytest.raises(ValueError, match=r"0 trainings were logged, 4 are missing"):
            sync(down, folder)
    assert sync(config, folder) == 0  # the store is back
    assert len(all_runs(config, folder)[1]) == 1 + len(found)


def test_a_record_that_cannot_be_logged_does_not_block_the_others(swept, monkeypatch):
    config, folder, found = swept
    bad, log = found[0].row["key"], Tracker.log

    def fail_for_one(self, record, **more):
        if record.row["key"] == bad:
            raise RuntimeError("no")
        log(self, record, **more)

    monkeypatch.setattr(Tracker, "log", fail_for_one)
    monkeypatch.setattr("search.tracking.queue.RETRY_SECONDS", 0.0)
    queue = TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, lambda text: None)
    queue.put([record.row for record in found])
    queue.start()
    while queue.logged < len(found) - 1:  # else the test's own time limit ends it
        time.sleep(0.05)
    queue.finish(abandon=True)
    assert queue.logged == len(found) - 1


def test_the_report_learns_where_the_runs_are(swept, monkeypatch):
    config, folder, found = swept
    queue = TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, lambda text: None)  # it may say that it takes long
    drain(queue, [record.row for record in found])
    links = json.loads(folder.links.read_text())
    assert links.keys() == {record.row["key"] for record in found}
    _, runs = all_runs(config, folder)
    key = found[0].row["key"]
    [run] = [run for run in runs if run.data.tags.get("key") == key]
    page = f"/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
    assert links[key] == f"http://127.0.0.1:5000{page}"
    monkeypatch.setattr(queue.tracker, "_own", False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@host/")
    assert queue.tracker.links()[key] == f"https://host{page}"


ELSEWHERE = """
import sys, mlflow, numpy, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
networks = model.predict(pandas.DataFrame({"dimension": [5, 5, 2], "seed": [1, 1, 7]}))
import trainables
assert "code.zip" in trainables.__file__, trainables.__file__
assert networks["hidden_bias"][0] == networks["hidden_bias"][1]
numpy.savez("network.npz", **networks.iloc[2])
"""


def test_a_hypernetwork_is_a_model_that_draws_anywhere(swept, tmp_path):
    """Loaded by another process in another place: the code comes with the model."""
    from trainables.models.hypernetwork import Hypernetwork, initialise
    from trainables.training.draw import draw_networks
    from trainables.training.noise import stream

    config, folder, found = swept
    recipe, network = config.training.recipe(), Hypernetwork(1, config.training.recipe())
    initialise(network, [stream(0, "parameters", "cpu")])
    hypernetwork = {name: parameter[0].detach().numpy() for name, parameter in network.named_parameters()}
    first = replace(found[0], hypernetwork=hypernetwork)
    ledger.record_path(folder.ledger, first.row["key"]).unlink()
    ledger.write(folder.ledger, first)
    tracker = log_all(config, folder, [first, found[-1]])
    [model] = tracker.client.search_logged_models([tracker.experiment])
    assert (str(model.status), model.tags["algorithm"], model.params["beta"]) == ("READY", "constant", "1.0")
    measured = {one.key: (one.value, one.step) for one in model.metrics}
    assert measured == {"relative_error": (0.25, 20), "complexity_nats": (first.row["complexity_nats"], 20),
                        "faithfulness": (0.9, 20)}  # fmt: skip
    note = model.tags["mlflow.note.content"]
    assert "trained at n = 3, β = 1, seed 0: constant" in note and "mlflow.pyfunc.load_model" in note
    run = tracker.client.get_run(tracker.children[found[0].row["key"]][0])
    assert run.data.metrics["relative_error"] == 0.25
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    requirements = (Path(unquote(model.artifact_location).removeprefix("file://")) / "requirements.txt").read_text()
    assert "torch==2.13.0" in requirements and all("==" in line for line in requirements.split())

    command = [sys.executable, "-P", "-W", "ignore", "-c", ELSEWHERE, model.artifact_location]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=clean)
    assert shown.returncode == 0, shown.stderr
    drawn, wanted = Network.load(tmp_path / "network.npz"), draw_networks(hypernetwork, recipe, 2, seed=7)
    for name, [
        array
    ] in wanted._asdict().items():  # equal to rounding: the model draws with PyTorch, this may be compiled
        np.testing.assert_allclose(getattr(drawn, name), array, rtol=1e-3, atol=1e-4)


def test_passwords_reach_no_param(swept):
    config, folder, _ = swept
    tracker = Tracker(config, folder, "my-sweep-1")
    tracker.open_sweep({})
    tracker._log_params(tracker.parent, {"uri": "http://me:secret@host/"})
    assert tracker.client.get_run(tracker.parent).data.params["uri"] == "http://***@host/"


def test_children_of_a_deleted_parent_get_the_new_one(swept):
    config, folder, found = swept
    drain(TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, lambda text: None), [record.row for record in found])
    client, runs = all_runs(config, folder)
    [parent] = [run for run in runs if run.data.tags["kind"] == "sweep"]
    client.delete_run(parent.info.run_id)
    queue = TrackingQueue(config, folder, {"sweep": "my-sweep-1"}, lambda text: None)
    drain(queue, [record.row for record in found])
    _, runs = all_runs(config, folder)
    [new] = [run for run in runs if run.data.tags["kind"] == "sweep"]
    assert new.info.run_id != parent.info.run_id and (queue.logged, queue.error) == (0, None)
    children = [run for run in runs if run.data.tags["kind"] == "training"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {new.info.run_id} and len(children) == len(
        found
    )
